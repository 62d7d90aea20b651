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
