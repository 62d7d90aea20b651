// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"flag"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// Hundreds of sequences, unless the command line says otherwise. A failure prints its shortest sequence and the seed that finds it again.
func init() {
	for name, value := range map[string]string{"rapid.checks": "200", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}

// Sessions and accounts come, change and go, rules change, time passes, managers crash in the middle of writing, and after every step all that this file
// says holds of the ledger, of the plan that would now be made, and of what comes of it.
func TestWhateverHappens(t *testing.T) {
	for name, steady := range map[string]bool{"rules change and records tell of other managers": false, "sharing stays as it is": true} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				w := newWorld(t, steady)
				actions := map[string]func(*rapid.T){
					"":        w.check,
					"arrive":  w.arrive,
					"end":     w.end,
					"hire":    w.hire,
					"change":  w.change,
					"dismiss": w.dismiss,
					"reapply": w.reapply,
					"pass":    w.pass,
					"regress": w.regress,
					"decide":  w.decide,
					"crash":   w.crash,
				}
				if !steady {
					actions["observe"] = w.observe
				}
				t.Repeat(actions)
			})
		})
	}
}

// decide makes a plan within a budget and carries it out.
func (w *world) decide(t *rapid.T) {
	budget := unlimited
	if rapid.Bool().Draw(t, "within a budget") {
		budget = rapid.IntRange(0, 3).Draw(t, "budget")
	}
	plan := w.ledger.Decide(w.now, budget)
	w.judge(t, plan)
	w.commit(plan, all)
	if rapid.Bool().Draw(t, "enroll") {
		w.enroll(plan)
	}
}

// crash makes a plan and carries out any part of it.
func (w *world) crash(t *rapid.T) {
	plan := w.ledger.Decide(w.now, unlimited)
	w.judge(t, plan)
	used, holders := w.connected(seating.Concurrent), w.holders()
	w.commit(plan, func(string) bool { return rapid.Bool().Draw(t, "written") })
	w.neverOversold(t, used, holders)
}

func (w *world) check(t *rapid.T) {
	// (b) What was counted bit by bit is what is counted from scratch, and what the oracle counts.
	if found := seating.Differences(w.ledger, w.recounted()); len(found) > 0 {
		t.Fatalf("the ledger is not what its records say: %q", found)
	}
	if got, want := w.ledger.Table(), w.table(); !reflect.DeepEqual(got, want) {
		t.Fatalf("the table shows %s; the records say %s", inWords(got), inWords(want))
	}
	// (c) No counter is negative and no entry empty.
	if found := seating.Flaws(w.ledger); len(found) > 0 {
		t.Fatalf("the ledger has flaws: %q", found)
	}
	w.standings(t)
	plan := w.ledger.Decide(w.now, unlimited)
	w.pure(t, plan)
	w.judge(t, plan)
	w.settles(t, plan)
	w.budgeted(t)
}

// standings: an account whose standing changed is touched, and how it stands is what the oracle says.
func (w *world) standings(t *rapid.T) {
	for id, a := range w.accounts {
		stands := w.ledger.Standing(id)
		if before, known := w.stood[id]; (!known || before != stands) && !seating.Touched(w.ledger, id) {
			t.Fatalf("account %s was %+v and is %+v, and is not touched", id, before, stands)
		}
		w.stood[id] = stands
		first, _ := w.counting(a.User)
		lacks := a.Type == seating.Named && w.rules.Named == nil || a.Type == seating.Concurrent && w.rules.Concurrent == nil
		if want := first.ID == id && !lacks && (a.Type == seating.Concurrent || a.Licensed); stands.Licensed != want {
			t.Fatalf("account %+v stands as %+v", a, stands)
		}
	}
	w.ledger.TakeTouched()
}

// pure: (f) a decision follows from the records alone, and changes nothing.
func (w *world) pure(t *rapid.T, plan *seating.Plan) {
	before := seating.Clone(w.ledger)
	if again := w.ledger.Decide(w.now, unlimited); !reflect.DeepEqual(plan, again) {
		t.Fatalf("two plans of one ledger: %+v and %+v", plan, again)
	}
	if !seating.Same(before, w.ledger) {
		t.Fatalf("deciding changed the ledger: %q", seating.Differences(before, w.ledger))
	}
	if again := w.recounted().Decide(w.now, unlimited); !reflect.DeepEqual(plan, again) {
		t.Fatalf("two plans of the same records: %+v and %+v", plan, again)
	}
}

// settles: (d) a plan that was carried out leaves nothing to decide, now and until its next time.
func (w *world) settles(t *rapid.T, plan *seating.Plan) {
	then := w.elsewhere()
	then.commit(plan, all)
	for _, s := range then.queue() {
		if s.WaitUntil.IsZero() || !s.WaitUntil.After(then.now) || plan.Next.After(s.WaitUntil) || plan.Next.IsZero() {
			t.Fatalf("session %+v has no answer; the plan looks again at %s", s, plan.Next)
		}
	}
	if n := then.table().Named; n != nil && n.Available > 0 {
		for id, a := range then.accounts {
			if first, _ := then.counting(a.User); first.ID == id && a.Type == seating.Named && !a.Licensed {
				t.Fatalf("account %+v has no seat, and %d are free", a, n.Available)
			}
		}
	}
	times := []time.Time{then.now, then.now.Add(1000 * hour)}
	if !plan.Next.IsZero() {
		times[1] = plan.Next.Add(-instant)
	}
	for _, now := range times {
		if again := then.ledger.Decide(now, unlimited); !again.Empty() || !again.Next.Equal(plan.Next) {
			t.Fatalf("at %s there is more to do: %+v, after %+v", now, again, plan)
		}
	}
}

// budgeted: a budget delays, and changes nothing else.
func (w *world) budgeted(t *rapid.T) {
	budget := rapid.IntRange(1, 3).Draw(t, "small budget")
	parts, whole := w.elsewhere().settle(t, budget), w.elsewhere().settle(t, unlimited)
	if !reflect.DeepEqual(parts, whole) {
		t.Fatalf("by parts of %d it comes to %+v, and at once to %+v", budget, parts, whole)
	}
}

// settle decides and carries out until there is nothing to look at again at once; it sums up what that came to.
func (w *world) settle(t *rapid.T, budget int) *seating.Plan {
	var sum seating.Plan
	for sum.Next = w.now; sum.Next.Equal(w.now); {
		part := w.ledger.Decide(w.now, budget)
		given := len(part.License) + len(part.Grants)
		if given > budget || given == 0 && part.Next.Equal(w.now) {
			t.Fatalf("within %d: %+v", budget, part)
		}
		w.judge(t, part)
		w.commit(part, all)
		sum.License = append(sum.License, part.License...)
		sum.Grants = append(sum.Grants, part.Grants...)
		sum.Denials = append(sum.Denials, part.Denials...)
		sum.Waits = append(sum.Waits, part.Waits...)
		sum.Next = part.Next
	}
	slices.SortFunc(sum.Denials, func(a, b seating.Denial) int { return strings.Compare(a.Session, b.Session) })
	return &sum
}
