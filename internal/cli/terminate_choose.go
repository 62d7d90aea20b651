// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
)

// mostListed is how many sessions are named one by one before they end.
const mostListed = 10

// choose returns the sessions to end. Missing tells of names that stand for none.
func (o *TerminateOptions) choose(ctx context.Context) (chosen []item, missing, err error) {
	if len(o.names) > 0 {
		sessions, missing := readSessions(ctx, o.client, o.selection.namespace, o.names)
		for i := range sessions {
			row := grid.NewRow(&sessions[i], false)
			if !row.Live() {
				fmt.Fprintf(o.Streams.Out, "%s had ended before: %s\n", o.called(&row), orNone(printable(row.Message)))
				continue
			}
			chosen = append(chosen, item{row: row})
		}
		return chosen, missing, nil
	}
	refresher, progress := o.refresher(), o.progress("Sessions read")
	defer progress.clear()
	read := 0
	_, err = o.selection.pages(ctx, o.client, func(page []licensing.UserSession) error {
		items := make([]item, 0, len(page))
		for i := range page {
			it := item{row: grid.NewRow(&page[i], false)}
			if o.selection.filter.MatchFacts(&it.row) {
				items = append(items, it)
			}
		}
		items, err := o.idle(ctx, items, refresher)
		chosen = append(chosen, items...)
		read += len(page)
		progress.show(read, 0)
		return err
	})
	return chosen, nil, err
}

func (o *TerminateOptions) refresher() *refresher {
	if o.selection.idleOver == 0 {
		return &refresher{}
	}
	return o.freshness.refresher(o.cluster)
}

// idle are those that the filter takes also by how long they have idled; by what the gateways know, unless the record is said to be good enough. Nobody is ended on an old record (B4).
func (o *TerminateOptions) idle(ctx context.Context, items []item, refresher *refresher) ([]item, error) {
	if err := refresher.bring(ctx, items); err != nil {
		return nil, err
	}
	if refresher.failed != nil {
		return nil, advise(fmt.Errorf("nothing was ended, since not all of the gateway's replicas could be asked who has idled: %w", refresher.failed),
			"--refresh=false goes by the record, which may lag by minutes: somebody who works may be ended.")
	}
	now := o.Clock.Now()
	return slices.DeleteFunc(items, func(it item) bool { return !o.selection.filter.Match(&it.row, now) }), nil
}

// stillIdle asks again who idles, once a person has taken the time to agree.
func (o *TerminateOptions) stillIdle(ctx context.Context, chosen []item) ([]item, error) {
	if o.selection.idleOver == 0 {
		return chosen, nil
	}
	before := len(chosen)
	chosen, err := o.idle(ctx, chosen, o.refresher())
	if back := before - len(chosen); err == nil && back > 0 {
		fmt.Fprintf(o.Streams.ErrOut, "%d of them are in use again, and stay.\n", back)
	}
	return chosen, err
}

// ask says what is about to end, and asks whether to go on.
func (o *TerminateOptions) ask(ctx context.Context, chosen []item) (bool, error) {
	out := o.Streams.ErrOut
	fmt.Fprintln(out, about(chosen))
	pools := map[string]int{}
	for i := range chosen {
		pools[chosen[i].row.Namespace+"/"+chosen[i].row.Pool]++
	}
	for _, pool := range slices.Sorted(maps.Keys(pools)) {
		fmt.Fprintf(out, "  %d of pool %s\n", pools[pool], pool)
	}
	if len(chosen) <= mostListed {
		for i := range chosen {
			r := &chosen[i].row
			fmt.Fprintf(out, "  %s: %s, %s, %s\n", r.Name, printable(r.User), r.Module, r.State)
		}
	}
	if o.message != "" {
		fmt.Fprintf(out, "Their clients are told: %s\n", o.message)
	}
	fmt.Fprint(out, "End them? [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(o.Streams.In).ReadString('\n') // no answer is a no
		answer <- line
	}()
	select {
	case line := <-answer:
		return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(line))), nil
	case <-ctx.Done():
		fmt.Fprintln(out)
		return false, errors.Join(errors.New("nothing was ended"), context.Cause(ctx))
	}
}

// about says how many sessions of how many users there are.
func about(chosen []item) string {
	users := map[string]bool{}
	for i := range chosen {
		users[cmp.Or(strings.ToLower(chosen[i].row.User), chosen[i].row.Name)] = true
	}
	count := func(n int, one, many string) string {
		if n == 1 {
			return "1 " + one
		}
		return fmt.Sprintf("%d %s", n, many)
	}
	return count(len(chosen), "session", "sessions") + " of " + count(len(users), "user", "users") + " would end:"
}
