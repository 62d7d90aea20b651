// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"fmt"
	"testing"
	"time"
)

func TestTheLastOfAChainOfDenialsIsTheTrueOne(t *testing.T) {
	d := &Denials{}
	for minute := range 12 { // a client that tries every minute
		if early := d.Denied("ann", "SeatsExhausted", at(time.Duration(minute)*time.Minute)); len(early) > 0 {
			t.Errorf("early: %v", early)
		}
	}
	if early := d.Settle(at(16 * time.Minute)); len(early) > 0 {
		t.Errorf("within five minutes of the last: %v", early)
	}
	if found := d.Settle(at(16*time.Minute + time.Second)); len(found) != 1 || !found[0].At.Equal(at(11*time.Minute)) || found[0].Reason != "SeatsExhausted" {
		t.Errorf("%v", found)
	}
	if again := d.Settle(at(time.Hour)); len(again) > 0 {
		t.Errorf("twice: %v", again)
	}
}

func TestWhoGetsInWithinFiveMinutesWasNotTrulyDenied(t *testing.T) {
	d := &Denials{}
	d.Denied("ann", "SeatsExhausted", at(0))
	d.Denied("bob", "SeatsExhausted", at(0))
	if found := d.Granted("ann", at(TrueAfter)); len(found) > 0 {
		t.Errorf("%v", found)
	}
	if found := d.Granted("bob", at(TrueAfter+time.Second)); len(found) != 1 {
		t.Errorf("bob came too late: %v", found)
	}
	d.Denied("eve", "SeatsExhausted", at(10*time.Minute))
	if found := d.Denied("eve", "UserLimitReached", at(16*time.Minute)); len(found) != 1 || found[0].Reason != "SeatsExhausted" {
		t.Errorf("another try much later: %v", found)
	}
	if d.Granted("eve", at(15*time.Minute)); len(d.Settle(at(time.Hour))) != 1 {
		t.Error("a grant before the denial makes it no less true")
	}
}

func TestTheUsersWhoWaitAreBounded(t *testing.T) {
	d := &Denials{}
	found := 0
	for i := range maxWaiting + 7 {
		found += len(d.Denied(fmt.Sprint(i), "SeatsExhausted", at(time.Duration(i)*time.Millisecond)))
	}
	if found != 7 || len(d.waiting) != maxWaiting {
		t.Errorf("%d were told early, %d wait", found, len(d.waiting))
	}
	if all := found + len(d.Settle(at(time.Hour))); all != maxWaiting+7 {
		t.Errorf("%d in all", all)
	}
}

func TestWhatReplicasCountedIsTakenOverOnce(t *testing.T) {
	h := NewHistory()
	h.begin(eight.Unix())
	a, b := Tally{}, Tally{}
	a.Add(at(0), "SeatsExhausted", Count{Denied: 5, True: 1})
	a.Add(at(6*time.Minute), "AccountRequired", Count{Denied: 1})
	b.Add(at(0), "SeatsExhausted", Count{Denied: 2})
	reports := map[string]Tally{"a": a, "b": b}
	denied := func() Count { return Denied(h.DenialsSince(eight)) }
	if !h.Fold(reports, at(7*time.Minute)) || denied() != (Count{8, 1}) {
		t.Fatalf("%+v", denied())
	}
	h, err := Decode(h.Encode()) // another leader
	if err != nil {
		t.Fatal(err)
	}
	if h.Fold(reports, at(8*time.Minute)) || denied() != (Count{8, 1}) {
		t.Errorf("twice: %+v", denied())
	}
	a.Add(at(time.Minute), "SeatsExhausted", Count{Denied: 1, True: 2})
	delete(reports, "b") // it stopped
	if !h.Fold(reports, at(9*time.Minute)) || denied() != (Count{9, 3}) {
		t.Errorf("%+v", denied())
	}
	reports["b"] = Tally{} // started anew under its old name it tells less, which takes nothing away
	if h.Fold(reports, at(10*time.Minute)) || denied() != (Count{9, 3}) {
		t.Errorf("%+v", denied())
	}
	// What is over an hour old counts no more, and is remembered for longer than that.
	late := Tally{}
	late.Add(at(0), "SeatsExhausted", Count{Denied: 100})
	reports["late"] = late
	if h.Fold(reports, at(70*time.Minute)) || denied() != (Count{9, 3}) || h.told["a"] == nil {
		t.Errorf("%+v, told %+v", denied(), h.told)
	}
	if h.Fold(nil, at(4*time.Hour)); len(h.told) > 0 {
		t.Errorf("for ever: %+v", h.told)
	}
	late.Trim(at(70 * time.Minute))
	if len(late) > 0 {
		t.Errorf("%+v", late)
	}
}
