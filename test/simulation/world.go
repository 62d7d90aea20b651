// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package simulation runs the operator's own code, several replicas of it, against a model of the API server in a time of its own, where everything goes wrong that may: calls, watches, processes,
// clocks. A seed decides all of it, so that a run that breaks a promise can be had again (docs/guarantees.md).
package simulation

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/history"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

// beginning is when each run begins.
var beginning = time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)

// World is one run.
type World struct {
	*scheduler
	scenario Scenario
	wide     *wide
	broken   Broken
	trace    *strings.Builder

	server  *apimodel.Server
	checker *history.Checker
	// writer is whose request is being carried out.
	writer *connection

	informers []*informer
	processes []*process
	allLeads  []*lead
	started   int
	leads     int
	// leader holds the lead at that revision.
	leader       *process
	leadRevision int
	awayUntil    time.Time
	ending       bool
	underWay     int // calls of those who lead
	// landedLate: the end that was written last had been on its way for longer than what it was decided on is held against it.
	landedLate bool
	lastChange time.Time

	sessions map[types.UID]*visit
	visits   map[string]*visit
	clients  []*visit
	rules    map[string][]ruled
	counts   Counts
	found    []string
	logins   int
}

// Broken are rules of the protocol that are broken on purpose, to see that it is found.
type Broken struct {
	// Process and Lead may change a replica, or a lead and its two connections, before they begin.
	Process func(*process)
	Lead    func(l *lead, cached, live *connection)
	// Deaf says which Events are not told.
	Deaf func(reason string) bool
	// Scenario may change what is drawn.
	Scenario func(*Scenario)
	// Asked is told of each request when it was carried out, which breaks nothing.
	Asked func(*apimodel.Server, *apimodel.Request, apimodel.Answer)
}

// Result is what came of a run.
type Result struct {
	Seed uint64
	// Violations are the promises that were broken.
	Violations []string
	Counts     Counts
	Scenario   Scenario
	Trace      string
}

// Run runs what a seed stands for.
func Run(seed uint64, broken Broken, traced bool) (result Result) {
	w := &World{scheduler: newScheduler(seed, beginning), wide: newWide(seed), broken: broken, sessions: map[types.UID]*visit{}, visits: map[string]*visit{}, rules: map[string][]ruled{}, counts: newCounts()}
	if traced {
		w.trace = &strings.Builder{}
	}
	defer func() {
		result = Result{Seed: seed, Violations: w.found, Counts: w.counts, Scenario: w.scenario}
		if what := recover(); what != nil {
			result.Violations = append(result.Violations, fmt.Sprintf("the operator's code panicked: %v", what))
		}
		if traced {
			result.Trace = w.trace.String()
		}
	}()
	w.scenario = w.drawScenario()
	if broken.Scenario != nil {
		broken.Scenario(&w.scenario)
	}
	w.note("seed %d: %+v", seed, w.scenario)
	w.server = apimodel.NewServer(func() time.Time { return w.now })
	w.server.PageSize = w.scenario.PageSize
	w.server.Changed = w.changed
	w.server.Lawless = w.scenario.Lawless
	w.checker = history.NewChecker(history.Options{Grace: w.scenario.PoolRemovalGrace})
	w.begin()
	w.run(beginning.Add(w.scenario.Duration), w.over)
	if !w.over() {
		w.rest()
	}
	w.close()
	w.counts.Runs = 1
	w.counts.Time = w.now.Sub(beginning)
	return result
}

// over says that there is no use in going on.
func (w *World) over() bool { return len(w.found) > 0 }

// begin sets the stage.
func (w *World) begin() {
	for i := range w.scenario.Pools {
		w.applyPool(poolName(i))
	}
	for range w.scenario.Replicas {
		w.start()
	}
	for i := range w.scenario.Clients {
		w.spawn(nil, fmt.Sprintf("client %d", i), w.client)
	}
	w.spawn(nil, "administrator", w.administrate)
	if w.scenario.Incidents > 0 {
		w.spawn(nil, "misfortune", w.misfortune)
	}
	var probe func()
	probe = func() {
		for _, p := range w.processes {
			p.probe()
		}
		w.after(2*time.Second, nil, probe)
	}
	w.after(0, nil, probe)
}

// violate notes a broken promise.
func (w *World) violate(format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	w.note("VIOLATION: %s", what)
	w.found = append(w.found, fmt.Sprintf("at %s s: %s", clock(w.now), what))
}

// apply carries a request out.
func (w *World) apply(by *connection, r *apimodel.Request) apimodel.Answer {
	before := w.writer
	w.writer = by
	defer func() { w.writer = before }()
	answer := w.server.Do(r)
	if w.broken.Asked != nil {
		w.broken.Asked(w.server, r, answer)
	}
	if answer.Err != nil && r.Writes() {
		w.note("%s: %s: %v", by.name(), r, answer.Err)
	}
	return answer
}

func (c *connection) name() string {
	switch {
	case c == nil || c.of == nil:
		return "an administrator"
	case c.lead != nil:
		return c.lead.name
	default:
		return c.of.name
	}
}

// changed is told of each change that the API server makes.
func (w *World) changed(k *apimodel.Kind, c apimodel.Change) {
	for _, i := range w.informers {
		if i.kind == k {
			i.changed()
		}
	}
	if k == apimodel.Leases {
		return
	}
	w.lastChange = w.now
	w.describe(k, c)
	w.judge(k, c)
	entry := history.Entry{Type: history.Type(c.Type), Revision: c.Revision, Seen: w.now, Object: c.Object}
	w.feed(entry)
}

// feed shows a change to the checker of histories.
func (w *World) feed(entry history.Entry) {
	if err := w.checker.Feed(entry); err != nil {
		panic(err)
	}
	w.look()
}

// look takes over what the checker of histories has found.
func (w *World) look() {
	for _, f := range w.checker.Findings()[w.counts.seen:] {
		w.counts.seen++
		if strings.Contains(f.Message, "its pool was not gone") && w.flapped(f.Objects) || strings.Contains(f.Message, "as the oldest of its user") && w.landedLate {
			continue
		}
		if !w.scenario.Unsynced || f.Invariant == history.NeverOversold || f.Invariant == history.FinalIsFinal || f.Invariant == history.EveryEndIsTold {
			w.violate("%s", f)
		}
	}
}

// tell takes an Event of a lead.
func (w *World) tell(by *lead, regarding client.Object, reason, action, note string) {
	w.note("%s tells of %s: %s: %s", by.name, regarding.GetName(), reason, note)
	if action != "EndSession" {
		return
	}
	w.counts.Told++
	if v := w.sessions[regarding.GetUID()]; v != nil {
		v.told = append(v.told, reason)
	}
	w.feed(history.Entry{Type: history.Added, Revision: w.server.Advance(), Seen: w.now, Object: &eventsv1.Event{
		Reason: reason, Note: note, Regarding: corev1.ObjectReference{UID: regarding.GetUID(), Name: regarding.GetName()}}})
}

// describe notes a change in the trace.
func (w *World) describe(k *apimodel.Kind, c apimodel.Change) {
	if w.trace == nil {
		return
	}
	what := ""
	switch o := c.Object.(type) {
	case *licensing.LicensePool:
		what = describePool(o)
	case *licensing.UserSession:
		s := &o.Status
		what = fmt.Sprintf("%s of %s in %s, %s %s %s, last activity %s, last heartbeat %s by %q, until %s: %s", s.State, o.Spec.UserName, o.Spec.PoolRef.Name, s.TerminationAction, s.Seat, s.Connection,
			second(s.LastActivityTime), second(s.LastHeartbeatTime), s.HeardBy, second(s.TimeoutTime), s.Message)
	case *licensing.LicenseAccount:
		what = fmt.Sprintf("%s %s in %s, disabled %v, %d conditions", o.Spec.Type, o.Spec.UserName, o.Spec.PoolRef.Name, o.Spec.Disabled, len(o.Status.Conditions))
	}
	verb := map[watch.EventType]string{watch.Added: "makes", watch.Modified: "writes", watch.Deleted: "deletes"}[c.Type]
	w.note("%s %s %s %s (%s, revision %d): %s", w.writer.name(), verb, k, c.Object.GetName(), c.Object.GetUID(), c.Revision, what)
}

func describePool(o *licensing.LicensePool) string {
	text := ""
	if n := o.Spec.Named; n != nil {
		text += fmt.Sprintf("%d named ", *n.Seats)
	}
	if n := o.Spec.Concurrent; n != nil {
		text += fmt.Sprintf("%d concurrent ", *n.Seats)
	}
	if r := o.Spec.Sessions; r != nil {
		text += fmt.Sprintf("idle %s lost %s beat %s life %s retention %s ", number(r.IdleTimeoutSeconds), number(r.LostAfterSeconds), number(r.HeartbeatIntervalSeconds), number(r.MaxLifetimeSeconds), number(r.RetentionSeconds))
	}
	if g := o.Status.Grants; g != nil {
		text += fmt.Sprintf("term %.6s fenced %v intents", g.Term, g.SessionsFenced)
		names := []string{""}
		for _, i := range g.Intents {
			names = append(names, i.Name)
		}
		text += strings.Join(names, " ")
	}
	return text
}

func number(n *int32) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

// Write prints a result's trace.
func (r Result) Write(to io.Writer) error {
	_, err := io.WriteString(to, r.Trace)
	return err
}

func sortedKeys[V any](m map[types.NamespacedName]V) []types.NamespacedName {
	return slices.SortedFunc(maps.Keys(m), func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}
