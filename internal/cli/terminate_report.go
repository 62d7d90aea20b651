// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
	"github.com/seatkeeper/seatkeeper/internal/terminate"
)

// report prints what became of each, and how many there were of each kind.
func (o *TerminateOptions) report(results []terminate.Result, ended map[types.UID]end) error {
	after := ""
	if o.dryRun == dryRunServer {
		after = " (server dry run)"
	}
	var first error
	undone, counts := 0, map[string]int{}
	for i := range results {
		r := &results[i]
		how, over := ended[r.UID]
		says, kind := became(r)
		if asked := r.Outcome == terminate.Asked || r.Outcome == terminate.AskedBefore; asked && over {
			says, kind = how.says(), kindEnded
		} else if asked && ended != nil {
			says, kind = says+", and has not ended yet", kindEnding
		}
		fmt.Fprintf(o.Streams.Out, "%s %s%s\n", o.called(&grid.Row{Namespace: r.Namespace, Name: r.Name}), says, after)
		counts[kind]++
		if !r.Done() {
			undone++
			if first == nil {
				first = r.Err
			}
		}
	}
	if len(results) > 1 {
		fmt.Fprintln(o.Streams.ErrOut, summary(counts, len(results)))
	}
	if undone == 0 {
		return nil
	}
	about := subject{plural: "sessions", namespace: o.selection.namespace, role: "seatkeeper-session-admin"}
	return fmt.Errorf("%d of %d sessions were not ended: %w", undone, len(results), explain(first, about))
}

// says how a session ended; one that its user or the clock ended just before is told of as such.
func (e end) says() string {
	switch e.action {
	case licensing.RequestedByAdministrator, "Gone": // of a record that is gone nobody knows more
		return "ended"
	default:
		return "ended before it could be: " + orNone(printable(e.message))
	}
}

// The kinds of outcomes, as the summary counts them, in its order.
const (
	kindEnded   = "ended"
	kindEnding  = "still ending"
	kindAsked   = "asked to end"
	kindBefore  = "asked before"
	kindOver    = "had ended"
	kindUsed    = "in use again"
	kindGone    = "gone"
	kindMayNot  = "not allowed"
	kindFailed  = "failed"
	kindUntried = "not tried"
)

// became says what became of the request to end a session, and of which kind that is.
func became(r *terminate.Result) (says, kind string) {
	switch r.Outcome {
	case terminate.Asked:
		return "asked to end", kindAsked
	case terminate.AskedBefore:
		return "was asked to end before", kindBefore
	case terminate.Ended:
		return "had ended before: " + orNone(printable(r.Message)), kindOver
	case terminate.Spared:
		return "is in use again, and stays", kindUsed
	case terminate.Gone:
		return "is gone", kindGone
	case terminate.Forbidden:
		return "not ended: you may not", kindMayNot
	case terminate.NotTried:
		return "not tried", kindUntried
	case terminate.Failed:
	}
	return "not ended: " + printable(r.Err.Error()), kindFailed
}

func summary(counts map[string]int, all int) string {
	var parts []string
	for _, kind := range []string{kindEnded, kindEnding, kindAsked, kindBefore, kindOver, kindUsed, kindGone, kindMayNot, kindFailed, kindUntried} {
		if n := counts[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	return fmt.Sprintf("%d sessions: %s.", all, strings.Join(parts, ", "))
}

// called is what a session is called in what is printed.
func (o *TerminateOptions) called(r *grid.Row) string {
	name := "usersession.licensing.seatkeeper.dev/" + r.Name
	if o.selection.allNamespaces {
		return r.Namespace + " " + name
	}
	return name
}
