// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

// broken is an API whose watches end as they are told, one after the other, and whose list is what is there.
type broken struct {
	client.WithWatch

	watches []func() (watch.Interface, error)
	from    []string
	there   []licensing.UserSession
	lists   int
}

func (b *broken) Watch(_ context.Context, _ client.ObjectList, opts ...client.ListOption) (watch.Interface, error) {
	options := client.ListOptions{}
	options.ApplyOptions(opts)
	b.from = append(b.from, options.Raw.ResourceVersion)
	next := b.watches[0]
	b.watches = b.watches[1:]
	return next()
}

func (b *broken) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	for i := range b.there {
		if b.there[i].Name == key.Name {
			b.there[i].DeepCopyInto(into.(*licensing.UserSession))
			return nil
		}
	}
	return apierrors.NewNotFound(licensing.GroupVersion.WithResource("usersessions").GroupResource(), key.Name)
}

func (b *broken) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	b.lists++
	sessions := list.(*licensing.UserSessionList)
	sessions.ResourceVersion, sessions.Items = "100", b.there
	return nil
}

// events are a watch that tells these and ends.
func events(told ...watch.Event) func() (watch.Interface, error) {
	return func() (watch.Interface, error) {
		w := watch.NewFakeWithOptions(watch.FakeOptions{ChannelSize: len(told)})
		for _, e := range told {
			w.Action(e.Type, e.Object)
		}
		w.Stop()
		return w, nil
	}
}

func expired() watch.Event {
	return watch.Event{Type: watch.Error, Object: &metav1.Status{Status: metav1.StatusFailure, Code: 410, Reason: metav1.StatusReasonExpired, Message: "too old resource version"}}
}

func TestWatchGoesOnAfterItsRevisionIsTooOld(t *testing.T) {
	on := func(name, revision string) *maker.UserSessionBuilder {
		return session(name, "itsm").UID(name).ResourceVersion(revision).Active(licensing.SeatConcurrent, name, noon.Add(-time.Hour)).LastActivity(noon)
	}
	ctx, cancel := context.WithCancel(t.Context())
	api := &broken{
		watches: []func() (watch.Interface, error){
			events(watch.Event{Type: watch.Added, Object: on("comes", "11").Obj()}, watch.Event{Type: watch.Bookmark, Object: &licensing.UserSession{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "20"}}}),
			events(),
			func() (watch.Interface, error) { return nil, errors.New("connection refused") },
			events(expired()),
			func() (watch.Interface, error) {
				cancel()
				return nil, ctx.Err()
			},
		},
		there: []licensing.UserSession{
			*on("stays", "10").Obj(), *on("new", "90").Obj(),
			*on("ended", "91").Terminated(licensing.ExpiredSessionTerminated, noon).Obj(), *on("over-before", "5").Terminated(licensing.RequestedByUser, noon).Obj(),
		},
	}
	var out, errOut bytes.Buffer
	o := &SessionsOptions{Environment: Environment{Streams: genericiooptions.IOStreams{Out: &out, ErrOut: &errOut}, Clock: clock.NewFakePassiveClock(noon)}, client: api, output: newOutput(outputTable, outputWide), watch: true,
		selection: selection{namespace: "itsm", labels: labels.Everything(), fields: fields.Everything(), filter: grid.Filter{States: grid.Live()}}}
	known := map[types.UID]grid.Row{}
	for _, name := range []string{"stays", "ended", "gone"} {
		known[types.UID(name)] = grid.NewRow(on(name, "10").Obj(), false)
	}
	f := &follower{SessionsOptions: o, printer: o.printer(models{}), models: models{}, known: known}
	check(t, f.run(ctx, "10"))

	if want := "10 20 20 20 100"; strings.Join(api.from, " ") != want || api.lists != 1 {
		t.Errorf("watched from %v and listed %d times; want from %s, and one list", api.from, api.lists, want)
	}
	if strings.Count(errOut.String(), "\n") != 1 || !strings.Contains(errOut.String(), "connection refused") {
		t.Errorf("a break must be told once: %s", errOut.String())
	}
	var told []string
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n")[1:] {
		words := strings.Fields(line)
		told = append(told, words[0]+" "+words[1]+" "+words[len(words)-1])
	}
	// Of "comes" and "gone", which were on and are not there any more, nobody can say how they ended.
	for _, wanted := range []string{"Started comes SeatGranted", "Started new SeatGranted", "Ended ended ExpiredSessionTerminated", "Ended gone Gone", "Ended comes Gone"} {
		if !strings.Contains(strings.Join(told, "\n"), wanted) {
			t.Errorf("must tell %q: %q", wanted, told)
		}
	}
	if len(told) != 5 {
		t.Errorf("told %q", told)
	}
}

// What the API server selects no more it tells as if it were deleted; what became of it is told as it is.
func TestWatchTellsWhatLeavesASelection(t *testing.T) {
	on := func(name string) *maker.UserSessionBuilder {
		return session(name, "itsm").UID(name).ResourceVersion("10").Active(licensing.SeatConcurrent, name, noon.Add(-time.Hour)).LastActivity(noon)
	}
	ctx, cancel := context.WithCancel(t.Context())
	deleted := func(name string) watch.Event {
		return watch.Event{Type: watch.Deleted, Object: on(name).ResourceVersion("20").Obj()}
	}
	api := &broken{
		watches: []func() (watch.Interface, error){events(deleted("ended"), deleted("relabelled"), deleted("gone")), func() (watch.Interface, error) {
			cancel()
			return nil, ctx.Err()
		}},
		there: []licensing.UserSession{*on("ended").ResourceVersion("20").Terminated(licensing.ExpiredSessionTerminated, noon).Obj(), *on("relabelled").ResourceVersion("20").Obj()},
	}
	var out bytes.Buffer
	o := &SessionsOptions{Environment: Environment{Streams: genericiooptions.IOStreams{Out: &out}, Clock: clock.NewFakePassiveClock(noon)}, client: api, output: newOutput(outputTable, outputWide), watch: true,
		selection: selection{namespace: "itsm", fieldText: "status.state=Active", labels: labels.Everything(), fields: fields.Everything()}}
	known := map[types.UID]grid.Row{}
	for _, name := range []string{"ended", "relabelled", "gone"} {
		known[types.UID(name)] = grid.NewRow(on(name).Obj(), false)
	}
	f := &follower{SessionsOptions: o, printer: o.printer(models{}), models: models{}, known: known}
	check(t, f.run(ctx, "10"))
	var told []string
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n")[1:] {
		words := strings.Fields(line)
		told = append(told, words[0]+" "+words[1]+" "+words[len(words)-1])
	}
	if want := "Ended ended ExpiredSessionTerminated, Left relabelled SeatGranted, Ended gone RequestedByAdministrator"; strings.Join(told, ", ") != want {
		t.Errorf("told %q, want %q", told, want)
	}
}

// Rows come one by one, and a longer word in a later one must not stand apart from the rows before it.
func TestWhoWatchesSeesStraightColumns(t *testing.T) {
	for _, format := range []string{outputTable, outputWide} {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			o := &SessionsOptions{Environment: Environment{Streams: genericiooptions.IOStreams{Out: &out}, Clock: clock.NewFakePassiveClock(noon)}, output: newOutput(outputTable, outputWide), watch: true,
				selection: selection{allNamespaces: true}}
			o.output.format = format
			printer := o.printer(models{unknown: true})
			for _, told := range []struct {
				s     *maker.UserSessionBuilder
				event string
			}{
				{session("a", "x").Module("Web"), eventListed},
				{session("bob-mob", "itsm").User("bob@example.com").FullName("Robert Miller").ClientIP("192.0.2.177").Module("Network Inventory").
					Active(licensing.SeatConcurrent, "b", noon.Add(-100*time.Minute)).LastActivity(noon).Timeout(noon.Add(time.Hour)).KeepAlive(true), eventStarted},
				{session("ann-web", "itsm").User(`CORP\ann`).Active(licensing.SeatUncounted, "", noon.Add(-301*time.Second)).LastActivity(noon).Terminated(licensing.RequestedByAdministrator, noon), eventCleared},
			} {
				check(t, printer.add(&item{row: grid.NewRow(told.s.Obj(), true)}, told.event))
				check(t, printer.flush()) // each by itself, as they come
			}
			lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
			titles := (&sessionsTable{wide: format == outputWide, namespaces: true, seats: true, events: true}).header()
			from := 0
			for _, title := range titles {
				at := from + strings.Index(lines[0][from:], title)
				for _, line := range lines[1:] {
					if at > 0 && line[at-columnGap:at] != "   " || line[at] == ' ' {
						t.Errorf("no column begins under %s:\n%s", title, out.String())
					}
				}
				from = at + len(title)
			}
		})
	}
}

func TestOlderNewsChangesNothing(t *testing.T) {
	var out bytes.Buffer
	o := &SessionsOptions{Environment: Environment{Streams: genericiooptions.IOStreams{Out: &out}, Clock: clock.NewFakePassiveClock(noon)}, output: newOutput(outputTable, outputWide), watch: true,
		selection: selection{filter: grid.Filter{States: grid.Live()}}}
	now := session("a", "itsm").UID("a").ResourceVersion("9").Active(licensing.SeatConcurrent, "a", noon).KeepAlive(false)
	f := &follower{SessionsOptions: o, printer: o.printer(models{}), known: map[types.UID]grid.Row{"a": grid.NewRow(now.Obj(), false)}}
	check(t, f.see(session("a", "itsm").UID("a").ResourceVersion("8").Active(licensing.SeatConcurrent, "a", noon).KeepAlive(true).Obj(), false))
	check(t, f.see(now.ResourceVersion("10").LastActivity(noon.Add(time.Minute)).Obj(), false))
	check(t, f.printer.flush())
	want(t, out.String(), "")
	check(t, f.see(now.ResourceVersion("11").KeepAlive(true).Obj(), false))
	check(t, f.printer.flush())
	if !strings.Contains(out.String(), "Changed") {
		t.Errorf("that it is kept alive again is worth a line: %s", out.String())
	}
	out.Reset()
	check(t, f.see(now.ResourceVersion("12").Termination(licensing.RequesterUser, "").Obj(), false))
	check(t, f.printer.flush())
	if !strings.HasPrefix(out.String(), "Ending ") {
		t.Errorf("must say that its end was asked for: %s", out.String())
	}
}

func TestAListThatWasForgottenGoesOn(t *testing.T) {
	api := &forgetful{}
	s := &selection{labels: labels.Everything(), fields: fields.Everything(), chunk: 2}
	var names []string
	_, err := s.pages(t.Context(), api, func(page []licensing.UserSession) error {
		for i := range page {
			names = append(names, page[i].Name)
		}
		return nil
	})
	check(t, err)
	if strings.Join(names, " ") != "a b c" {
		t.Error(names)
	}
	if strings.Join(api.tokens, " ") != " old fresh" {
		t.Errorf("%q", api.tokens)
	}
}

// forgetful is an API that forgets where a list was after its first page.
type forgetful struct {
	client.Reader

	tokens []string
}

func (f *forgetful) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	options := client.ListOptions{}
	options.ApplyOptions(opts)
	f.tokens = append(f.tokens, options.Continue)
	sessions := list.(*licensing.UserSessionList)
	switch options.Continue {
	case "":
		sessions.Items, sessions.Continue = []licensing.UserSession{*maker.MakeUserSession("a").Obj(), *maker.MakeUserSession("b").Obj()}, "old"
	case "old":
		return &statusError{metav1.Status{Status: metav1.StatusFailure, Code: 410, Reason: metav1.StatusReasonExpired, ListMeta: metav1.ListMeta{Continue: "fresh"}}}
	default:
		sessions.Items = []licensing.UserSession{*maker.MakeUserSession("c").Obj()}
	}
	return nil
}

type statusError struct{ status metav1.Status }

func (e *statusError) Error() string         { return "the provided continue parameter is too old" }
func (e *statusError) Status() metav1.Status { return e.status }
