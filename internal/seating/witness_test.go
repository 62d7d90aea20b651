// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package seating_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/seating"
)

// watched is a ledger of one pool whose clients replicas answer for: a heartbeat every 30 s, idle after 30 min, lost after 10.
type watched struct {
	*seating.Ledger

	t         *testing.T
	now       time.Time
	witnesses map[string]seating.Witness
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	rules := aPool().concurrent(100).Rules
	rules.Lifetimes = seating.Lifetimes{Idle: 30 * time.Minute, Heartbeat: 30 * time.Second, LostAfter: 10 * time.Minute, Retention: time.Hour}
	w := &watched{Ledger: seating.NewLedger(rules), t: t, now: nine, witnesses: map[string]seating.Witness{}}
	return w
}

func (w *watched) session(id, heardBy string) {
	w.PutSession(seating.Session{ID: id, User: id, State: seating.Held, Seat: seating.Concurrent, Connection: id,
		Life: seating.Life{Logon: nine, LastActivity: nine, LastHeartbeat: nine, HeardBy: heardBy,
			Shown: seating.Outlook{KeepAlive: true, Timeout: nine.Add(30 * time.Minute)}}})
}

// says sets what is known of a replica: until when it has swept (after nine), and since when it is silent (0: it is alive).
func (w *watched) says(replica string, swept, silent time.Duration) {
	state := seating.Witness{Swept: nine.Add(swept)}
	if silent > 0 {
		state.Silent = nine.Add(silent)
	}
	w.witnesses[replica] = state
	w.SetWitnesses(w.witnesses, nine)
}

func (w *watched) ends(at time.Duration) []string {
	w.now = nine.Add(at)
	var ids []string
	for _, e := range w.Sweep(seating.Moment{Now: w.now, Most: 1000, LongestBrake: 15 * time.Minute}).Ends {
		ids = append(ids, e.Session)
	}
	return ids
}

func (w *watched) expect(at time.Duration, want ...string) {
	w.t.Helper()
	if got := w.ends(at); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Fatalf("at %s ended %v, want %v", at, got, want)
	}
}

const half = 30 * time.Minute

func TestNobodyIdlesOutBeforeEveryWitnessHasSweptPastTheDeadline(t *testing.T) {
	w := newWatched(t)
	w.session("s", "a")
	w.says("a", half, 0) // its clock may be a second ahead
	w.says("b", half+time.Second, 0)
	w.expect(half + 2*time.Second)
	w.says("a", half+time.Second, 0)
	w.expect(half+2*time.Second, "s")
}

// An allocator that has just begun spares who was due long before, so that clients can be heard again; what is heard meanwhile must be written before it ends anybody (seed 20025940 of the simulation: the API
// server was away while a replica heard a client again).
func TestWhatIsHeardWhileSessionsAreSparedIsWrittenBeforeTheyEnd(t *testing.T) {
	const adopted, until = half + 10*time.Minute, half + 10*time.Minute + 65*time.Second
	w := newWatched(t)
	w.session("s", "a")
	sweep := func() int {
		w.SetWitnesses(w.witnesses, nine)
		return len(w.Sweep(seating.Moment{Now: nine.Add(until), Most: 1000, LongestBrake: 15 * time.Minute, Adopted: nine.Add(adopted), Until: nine.Add(until)}).Ends)
	}
	w.says("a", adopted+time.Minute, 0) // its clock may be a second ahead
	if n := sweep(); n != 0 {
		t.Errorf("%d sessions ended though their clients may have been heard in the last second of two heartbeats", n)
	}
	w.says("a", adopted+time.Minute+time.Second, 0)
	if n := sweep(); n != 1 {
		t.Errorf("%d sessions ended, want 1", n)
	}
}

func TestAWitnessOfThisProcessHasNoOtherClock(t *testing.T) {
	w := newWatched(t)
	w.session("s", "a")
	w.witnesses["a"] = seating.Witness{Swept: nine.Add(half), Own: true}
	w.SetWitnesses(w.witnesses, nine)
	w.expect(half, "s")
}

// A replica that was cut off, or killed, delays sentences until its clients can have been heard by others, who then have swept.
func TestASilentWitnessDelaysASentenceForABoundedTime(t *testing.T) {
	const silent = half - 10*time.Second
	grace := 30*time.Second + 3*30*time.Second
	w := newWatched(t)
	w.session("s", "b")
	w.says("a", half-15*time.Second, silent)
	w.says("b", half+time.Minute, 0)
	w.expect(half + time.Minute)
	w.says("b", silent+grace, 0)
	w.expect(silent + grace + time.Second) // the other has not swept since
	w.says("b", silent+grace+time.Second, 0)
	w.expect(silent+grace+time.Second, "s")
}

func TestAWitnessThatSweptPastTheDeadlineBeforeItFellSilentDelaysNothing(t *testing.T) {
	w := newWatched(t)
	w.session("s", "b")
	w.says("a", half+time.Second, half+2*time.Second)
	w.says("b", half+time.Second, 0)
	w.expect(half+3*time.Second, "s")
}

// A replica to which a dead one's clients went dies as well: then they must be heard by a third.
func TestEachSilentWitnessIsWaitedFor(t *testing.T) {
	w := newWatched(t)
	w.session("s", "c")
	w.says("a", half-15*time.Second, half-10*time.Second)
	w.says("b", half+100*time.Second, half+100*time.Second)
	w.says("c", half+220*time.Second, 0)
	w.expect(half + 130*time.Second)
	w.says("c", half+221*time.Second, 0)
	w.expect(half+221*time.Second, "s")
}

// Replicas that die one after the other do not keep a session for ever.
func TestManySilentWitnessesAreNotWaitedForForEver(t *testing.T) {
	w := newWatched(t)
	w.session("s", "z")
	for i := range 20 {
		at := half + time.Duration(i)*100*time.Second
		w.says(fmt.Sprint("r", i), at, at)
	}
	w.says("z", half+time.Hour, 0)
	w.expect(half + 6*time.Minute - time.Second)
	w.expect(half+6*time.Minute+2*time.Second, "s")
}

// Rules, or a record, that bring a deadline nearer are of no effect before every replica that hears clients has swept with them.
func TestWitnessesHaveToHaveSeenWhatBroughtTheDeadlineNearer(t *testing.T) {
	w := newWatched(t)
	w.session("s", "a")
	moment := seating.Moment{Now: nine.Add(half), Most: 10, RulesRevision: 100}
	for _, c := range []struct {
		pools, sessions uint64
		ends            int
	}{{99, 200, 0}, {100, 199, 0}, {100, 200, 1}} {
		s, _ := w.Session("s")
		s.Life.Nearer = 200
		w.PutSession(s)
		w.witnesses["a"] = seating.Witness{Swept: nine.Add(half), Own: true, Pools: c.pools, Sessions: c.sessions}
		w.SetWitnesses(w.witnesses, nine)
		if got := len(w.Sweep(moment).Ends); got != c.ends {
			t.Errorf("having seen pools to %d and sessions to %d: %d end", c.pools, c.sessions, got)
		}
	}
}

func TestWhatBringsASessionsEndNearer(t *testing.T) {
	rules := aPool().concurrent(1).Rules
	rules.Lifetimes = seating.Lifetimes{Idle: time.Hour, UnsavedWork: 8 * time.Hour, LostAfter: time.Minute}
	at := func(change func(*seating.Life)) seating.Session {
		s := seating.Session{State: seating.Held, Seat: seating.Concurrent,
			Life: seating.Life{Logon: nine, LastActivity: nine, LastHeartbeat: nine, HeardBy: "a", UnsavedWork: true}}
		change(&s.Life)
		return s
	}
	before := at(func(*seating.Life) {})
	for what, c := range map[string]struct {
		change func(*seating.Life)
		nearer bool
	}{
		"nothing":                {func(*seating.Life) {}, false},
		"activity":               {func(l *seating.Life) { l.LastActivity = nine.Add(1) }, false},
		"earlier activity":       {func(l *seating.Life) { l.LastActivity = nine.Add(-1) }, true},
		"work that is saved":     {func(l *seating.Life) { l.UnsavedWork = false }, true},
		"an earlier heartbeat":   {func(l *seating.Life) { l.LastHeartbeat = nine.Add(-1) }, true},
		"a replica that lets go": {func(l *seating.Life) { l.HeardBy = "" }, true},
		"another that claims":    {func(l *seating.Life) { l.HeardBy = "b" }, false},
	} {
		if rules.ComesNearer(before, at(c.change)) != c.nearer {
			t.Error(what)
		}
	}
}

// Where the witnesses are heard within a moment, the record is written once: when the session ends.
func TestAnEndIsOneWrite(t *testing.T) {
	w := newWatched(t)
	w.session("s", "a")
	w.says("a", half, 0)
	for at, shows := range map[time.Duration]int{0: 0, 3*time.Second - 1: 0, 3 * time.Second: 1} {
		if got := len(w.Sweep(seating.Moment{Now: nine.Add(half + at), Most: 100}).Shows); got != shows {
			t.Errorf("%s after the deadline: %d records shown", at, got)
		}
	}
}

// What a lease says is bounded by what there is.
func TestAWitnessMissesNoMoreClientsThanItAnswersFor(t *testing.T) {
	w := newWatched(t)
	for i := range 10 {
		w.session(fmt.Sprint("s", i), "a")
	}
	w.session("due", "")
	w.witnesses["a"] = seating.Witness{Swept: nine.Add(half)}
	w.witnesses["b"] = seating.Witness{Swept: nine.Add(half), Missing: seating.Missing{Clients: 2_000_000_000, Last: nine}}
	w.SetWitnesses(w.witnesses, nine)
	if w.Sweep(seating.Moment{Now: nine.Add(11 * time.Minute), Most: 10, LongestBrake: time.Hour}).Brake.On() {
		t.Error("the brake is on")
	}
}

func TestAWitnessThatLeftInOrderDelaysNothing(t *testing.T) {
	w := newWatched(t)
	w.session("s", "b")
	w.witnesses["a"] = seating.Witness{Swept: nine, Silent: nine.Add(half - time.Minute), Left: true}
	w.says("b", half+time.Second, 0)
	w.expect(half+time.Second, "s")
}

func TestAClientIsNotLostWhileItsReplicaAnswersForIt(t *testing.T) {
	w := newWatched(t)
	w.session("s", "a")
	w.says("a", 20*time.Minute, 0)
	w.expect(20 * time.Minute)
}

// A dead replica's clients are lost that long after it was last seen, unless another replica claims them.
func TestTheClientsOfADeadReplicaAreLostAfterItsOwnEnd(t *testing.T) {
	w := newWatched(t)
	w.session("dead", "a")
	w.session("claimed", "b")
	w.says("a", 12*time.Minute, 0)
	w.says("b", 12*time.Minute, 0)
	w.expect(12 * time.Minute)
	w.says("a", 12*time.Minute, 12*time.Minute)
	w.says("b", 22*time.Minute-time.Second, 0)
	w.expect(22*time.Minute - time.Second)
	w.says("b", 22*time.Minute+time.Second, 0)
	w.expect(22*time.Minute+time.Second, "dead")
}

func TestAnUnknownReplicasClientsCountAsHeardWhenThisOneBegan(t *testing.T) {
	w := newWatched(t)
	w.session("s", "unknown")
	w.witnesses = map[string]seating.Witness{"b": {Swept: nine.Add(15 * time.Minute)}}
	w.SetWitnesses(w.witnesses, nine.Add(5*time.Minute))
	w.expect(15*time.Minute - time.Second)
	w.says("b", 15*time.Minute+time.Second, 0)
	w.SetWitnesses(w.witnesses, nine.Add(5*time.Minute))
	w.expect(15*time.Minute+time.Second, "s")
}

// Clients that their replicas miss at once put the brake on, though their records say that they are answered for.
func TestWhatWitnessesMissPutsTheBrakeOn(t *testing.T) {
	for missing, held := range map[int]bool{4: false, 6: true} {
		w := newWatched(t)
		for i := range 10 {
			w.session(fmt.Sprint("s", i), "a")
		}
		w.session("due", "") // its replica let go: its client is silent
		w.witnesses["a"] = seating.Witness{Swept: nine.Add(half + time.Minute), Missing: seating.Missing{Clients: missing, Last: nine}}
		w.SetWitnesses(w.witnesses, nine)
		sweep := w.Sweep(seating.Moment{Now: nine.Add(11 * time.Minute), Most: 1000, LongestBrake: 15 * time.Minute})
		if sweep.Brake.On() != held || (len(sweep.Ends) == 0) != held {
			t.Errorf("with %d of 11 missing at once: brake %v, ends %v", missing, sweep.Brake.On(), sweep.Ends)
		}
	}
}

func TestMostWithin(t *testing.T) {
	at := func(seconds ...int) (times []time.Time) {
		for _, s := range seconds {
			times = append(times, nine.Add(time.Duration(s)*time.Second))
		}
		return times
	}
	if n, _ := seating.MostWithin(time.Minute, nil); n != 0 {
		t.Errorf("of none: %d", n)
	}
	if n, last := seating.MostWithin(10*time.Second, at(100, 0, 95, 50, 105, 106)); n != 3 || !last.Equal(nine.Add(105*time.Second)) {
		t.Errorf("%d, the last at %s", n, last)
	}
}
