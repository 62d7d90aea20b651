// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
	ctrl "sigs.k8s.io/controller-runtime"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

func keptPool() *LicensePoolBuilder { return MakeLicensePool("p").Concurrent(10).Retention(time.Hour) }

// morning lets some people come and go for twenty minutes.
func (d *diary) morning() {
	d.t.Helper()
	for i := range 6 {
		d.logon(fmt.Sprintf("m%d", i), fmt.Sprintf("user-%d", i%4)) // two of them on two devices
		d.passes(time.Duration(40+7*i) * time.Second)
	}
	d.logoff("m0") // its user is on with another
	d.passes(3 * time.Minute)
	d.logoff("m4")
	d.logoff("m2")
	d.logon("m6", "user-6") // within the same second
	d.passes(5 * time.Minute)
	d.delete("m1") // by an administrator: the user goes on with m5
	d.passes(77 * time.Second)
	d.delete("m5")
	d.passes(5 * time.Minute)
}

func TestAHistoryIsWhatHappened(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	d.clerk()
	d.morning()
	d.logon("last", "last")
	d.passes(2 * time.Minute)
	d.check()
	object, h := d.stored()
	if c := object.Status.Concurrent; *c.Connected != 3 || *c.Licensed != 10 || *c.PeakToday != 4 || *c.Peak30Days != 4 || object.Status.Named != nil {
		t.Errorf("%+v, %+v", c, object.Status.Named)
	}
	if p := object.Status.Peaks; p.Concurrent != "4 of 10" || p.Named != "N/A" {
		t.Errorf("%+v", p)
	}
	if behind := d.clock.Now().Sub(h.Through()); behind >= 2*time.Minute || !h.Since().Equal(d.began) {
		t.Errorf("since %s, %s behind", h.Since(), behind)
	}
}

func TestANewLeaderTellsExactlyWhatHappenedMeanwhile(t *testing.T) {
	for _, away := range []time.Duration{time.Second, 17 * time.Second, 50 * time.Minute} {
		d := newDiary(t, keptPool().Obj())
		first := d.clerk()
		d.morning()
		d.logon("late", "late") // the first does not live to tell it
		d.passes(5 * time.Second)
		d.goes(first)
		d.passes(away / 2)
		d.logoff("late") // another manager did, or the first's write came late
		d.logon("next", "next")
		d.logoff("next")
		d.passes(away - away/2)
		d.clerk()
		d.passes(3 * time.Minute)
		d.check()
	}
}

func TestWhatNobodyCanKnowIsAGap(t *testing.T) {
	t.Run("an absence longer than records are kept", func(t *testing.T) {
		d := newDiary(t, keptPool().Obj())
		first := d.clerk()
		d.morning()
		d.goes(first)
		_, before := d.stored()
		d.passes(time.Hour + time.Second)
		d.clerk()
		back := d.clock.Now()
		d.passes(3 * time.Minute)
		d.check(before.Through(), back)
	})
	t.Run("an absence in which the retention was shorter", func(t *testing.T) {
		d := newDiary(t, keptPool().Retention(time.Minute).Obj())
		first := d.clerk()
		d.morning()
		d.goes(first)
		_, before := d.stored()
		d.apply(keptPool().Obj())
		d.passes(2 * time.Minute)
		d.clerk()
		back := d.clock.Now()
		d.passes(3 * time.Minute)
		d.check(before.Through(), back)
	})
	t.Run("a session that was deleted while nobody looked", func(t *testing.T) {
		d := newDiary(t, keptPool().Obj())
		first := d.clerk()
		d.morning()
		d.goes(first)
		_, before := d.stored()
		d.passes(10 * time.Second)
		d.delete("m6")
		d.logon("other", "other") // as many are on as before
		d.passes(10 * time.Second)
		d.clerk()
		back := d.clock.Now()
		d.passes(3 * time.Minute)
		d.check(before.Through(), back)
	})
	t.Run("a session that was deleted while the watch was away", func(t *testing.T) {
		d := newDiary(t, keptPool().Obj())
		d.clerk()
		d.morning()
		gone := d.live["m6"]
		delete(d.live, "m6")
		d.passes(10 * time.Second)
		_, before := d.stored()
		back := d.clock.Now()
		d.see(func(r *LicenseUsageReconciler) { r.dropSession(gone, false) })
		d.passes(3 * time.Minute)
		d.check(before.Through(), back)
	})
	t.Run("the time before the history began", func(t *testing.T) {
		d := newDiary(t, keptPool().Obj())
		d.morning()
		d.clerk()
		d.passes(3 * time.Minute)
		d.check()
	})
}

func TestLostAnswersAndWritesCountOnce(t *testing.T) {
	for name, fault := range map[string]func(string) (bool, error){
		"answers are lost":     func(string) (bool, error) { return true, errLost },
		"writes do not arrive": serverTimeout,
	} {
		for _, share := range []int{1, 2, 3, 5} {
			t.Run(fmt.Sprintf("%s, one in %d", name, share), func(t *testing.T) {
				d := newDiary(t, keptPool().Obj())
				c := d.clerk()
				c.fault = func(verb string) (bool, error) {
					if c.calls%share == 0 && c.calls < 40 {
						return fault(verb)
					}
					return true, nil
				}
				d.morning()
				d.deny("denied", "eve", licensing.ReasonSeatsExhausted)
				d.passes(10 * time.Minute)
				d.check()
				if object, _ := d.stored(); *object.Status.Denials30Days.Denied != 1 || *object.Status.Denials30Days.TrueDenials != 1 {
					t.Errorf("%+v", object.Status.Denials30Days)
				}
			})
		}
	}
}

// TestACrashAtAnyWriteCountsOnce: it comes before the write arrived, or after.
func TestACrashAtAnyWriteCountsOnce(t *testing.T) {
	for call := 1; call < 12; call++ {
		for _, arrives := range []bool{false, true} {
			d := newDiary(t, keptPool().Obj())
			c := d.clerk()
			c.fault = func(string) (bool, error) {
				if c.calls == call {
					d.goes(c)
					return arrives, errCrash
				}
				return true, nil
			}
			crashed := func() bool { return len(d.clerks) == 0 }
			for i := range 12 {
				d.logon(fmt.Sprintf("s%d", i), fmt.Sprintf("u%d", i))
				d.deny(fmt.Sprintf("d%d", i), fmt.Sprintf("u%d", i/2), licensing.ReasonSeatsExhausted)
				d.passes(71 * time.Second)
				if crashed() {
					d.passes(9 * time.Second)
					d.clerk()
				}
			}
			d.passes(7 * time.Minute)
			d.check()
			object, h := d.stored()
			if call <= 2 && h.Since().After(d.began) { // nothing was stored: the history began anew
				continue
			}
			if n := object.Status.Denials30Days; *n.Denied != 12 || *n.TrueDenials != 6 || h.Late() != 0 { // of two denials of a user the second is true
				t.Errorf("crash at call %d (arrives: %v): %d denied, %d truly, %d late", call, arrives, *n.Denied, *n.TrueDenials, h.Late())
			}
			if s := h.Series(usage.Concurrent, usage.Day, d.clock.Now()); s.Grants != 12 {
				t.Errorf("crash at call %d (arrives: %v): %d grants", call, arrives, s.Grants)
			}
		}
	}
}

func TestTwoManagersAtOnceCountOnce(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	d.clerk()
	d.passes(31 * time.Second)
	d.clerk()
	d.morning()
	d.deny("denied", "eve", licensing.ReasonSeatsExhausted)
	d.passes(10 * time.Minute)
	d.check()
	object, h := d.stored()
	if s := h.Series(usage.Concurrent, usage.Day, d.clock.Now()); *object.Status.Denials30Days.Denied != 1 || s.Grants != 7 {
		t.Errorf("%+v, %d grants", object.Status.Denials30Days, s.Grants)
	}
}

func TestAManagerThatSleptLooksBeforeItTells(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	c := d.clerk()
	d.morning()
	c.isDeaf = true
	asleep := c.next.Add(24 * time.Hour)
	c.next = asleep
	d.logon("unseen", "unseen")
	d.passes(5 * time.Minute)
	d.logoff("unseen")
	d.passes(5 * time.Minute)
	c.look() // it wakes, before its watches have told it anything
	d.passes(3 * time.Second)
	c.hears()
	d.passes(5 * time.Minute)
	d.check()
	if _, h := d.stored(); h.Late() != 0 {
		t.Errorf("%d came late", h.Late())
	}
}

func TestWhatIsSeenTooLateSaysSo(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	c := d.clerk()
	d.morning()
	c.isDeaf = true // its watch of sessions hangs
	d.logon("unseen", "unseen")
	d.passes(3 * time.Minute)
	d.logon("seen", "seen")
	d.passes(time.Minute)
	c.hears()
	d.passes(3 * time.Minute)
	object, h := d.stored()
	if h.Late() == 0 || *object.Status.LateTransitions != int32(h.Late()) || *object.Status.Concurrent.Connected != 4 {
		t.Errorf("%d came late, %+v", h.Late(), object.Status)
	}
}

func TestWritesAreFew(t *testing.T) {
	t.Run("a quiet pool's", func(t *testing.T) {
		d := newDiary(t, keptPool().Obj())
		d.clerk()
		d.logon("s", "ann")
		d.passes(time.Hour)
		before := d.writes
		d.passes(24 * time.Hour)
		if n := d.writes - before; n < 240 || n > 300 {
			t.Errorf("%d writes in a day with somebody signed on", n)
		}
		d.check()
		d.logoff("s")
		d.passes(time.Hour)
		before = d.writes
		d.passes(24 * time.Hour)
		if n := d.writes - before; n < 80 || n > 100 {
			t.Errorf("%d writes in a day with nobody signed on", n)
		}
	})
	t.Run("a busy pool's", func(t *testing.T) {
		d := newDiary(t, keptPool().Obj())
		d.clerk()
		for i := range 600 {
			d.logon(fmt.Sprintf("s%d", i), fmt.Sprintf("u%d", i))
			d.passes(time.Second)
			d.logoff(fmt.Sprintf("s%d", i))
		}
		if d.writes < 9 || d.writes > 11 {
			t.Errorf("%d writes in ten minutes", d.writes)
		}
		d.check()
	})
}

func TestAPoolThatIsAppliedAgainKeepsItsHistory(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	c := d.clerk()
	d.morning()
	d.apply(keptPool().Concurrent(4).Obj())
	d.passes(12 * time.Minute)
	_, h := d.stored()
	shown := h.Series(usage.Concurrent, usage.Day, d.clock.Now())
	if !slices.ContainsFunc(shown.Points, func(p usage.Point) bool { return p.Licensed == 10 }) || shown.Licensed != 4 {
		t.Errorf("%d licensed", shown.Licensed)
	}
	d.removePool()
	removed := d.clock.Now()
	for name := range d.live {
		d.logoff(name)
	}
	d.passes(10 * time.Minute)
	if _, h := d.stored(); h.Licensed(usage.Concurrent) != usage.NotLicensed {
		t.Errorf("%d licensed of a pool that is gone", h.Licensed(usage.Concurrent))
	}
	for _, s := range []string{"m0", "m2", "m3", "m4", "m6"} {
		d.delete(s)
	}
	d.passes(2 * time.Minute)
	if len(c.r.lines) != 0 {
		t.Error("a pool that is gone, and its sessions, are still remembered")
	}
	d.apply(keptPool().Obj())
	c.next = d.clock.Now()
	back := d.clock.Now()
	d.passes(3 * time.Minute)
	d.check(removed, back)
}

func TestDenialsOfReplicasAreTakenOver(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	reports := map[string]usage.Tally{"a": {}, "b": {}}
	hire := func() *clerk {
		c := d.clerk()
		c.r.Tallies = func(pool types.NamespacedName) map[string]usage.Tally {
			if pool != poolKey {
				t.Errorf("asked for %s", pool)
			}
			return reports
		}
		return c
	}
	c := hire()
	d.passes(5 * time.Minute)
	reports["a"].Add(d.clock.Now(), licensing.ReasonSeatsExhausted, usage.Count{Denied: 3, True: 1})
	reports["b"].Add(d.clock.Now(), licensing.ReasonUserLimitReached, usage.Count{Denied: 2})
	d.passes(2 * time.Minute)
	d.goes(c)
	c = hire()
	reports["a"].Add(d.clock.Now(), licensing.ReasonSeatsExhausted, usage.Count{Denied: 1})
	d.passes(2 * time.Minute)
	c.fault = func(string) (bool, error) { return true, errLost }
	reports["a"].Add(d.clock.Now(), licensing.ReasonSeatsExhausted, usage.Count{Denied: 1, True: 1})
	d.passes(3 * time.Minute)
	c.fault = nil
	d.passes(3 * time.Minute)
	if object, _ := d.stored(); *object.Status.Denials30Days.Denied != 7 || *object.Status.Denials30Days.TrueDenials != 2 {
		t.Errorf("%+v", object.Status.Denials30Days)
	}
	d.check()
}

func TestAHistoryThatCannotBeReadIsLeftAlone(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	theirs := MakeLicenseUsage("p").Obj()
	d.must(d.api.Create(t.Context(), theirs))
	theirs.Status.History = "7:of a later version"
	d.must(d.api.Status().Update(t.Context(), theirs))
	c := d.clerk()
	other := types.NamespacedName{Namespace: DefaultNamespace, Name: "other"}
	c.r.putPool(MakeLicensePool("other").Concurrent(3).Retention(time.Hour).Obj())
	for range 12 {
		d.passes(10 * time.Second)
		if _, err := c.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: other}); err != nil {
			t.Error(err)
		}
	}
	d.must(d.api.Get(t.Context(), other, &licensing.LicenseUsage{})) // others go on
	d.passes(3 * time.Minute)
	if said := c.said(); !slices.Equal(said, []string{licensing.ReasonHistoryUnreadable}) {
		t.Errorf("said: %v", said)
	}
	theirs.Status.History = "cut off"
	d.must(d.api.Status().Update(t.Context(), theirs))
	d.passes(time.Minute)
	select {
	case e := <-c.events.Events:
		if !strings.Contains(e, licensing.ReasonHistoryUnreadable) || !strings.HasSuffix(e, "Run the operator's version that wrote it, or delete the LicenseUsage to begin a new one.") {
			t.Errorf("must say what to do: %s", e)
		}
	default:
		t.Error("another revision that cannot be read must be told")
	}
	if said := c.said(); len(said) > 0 {
		t.Errorf("said of another text: %v", said)
	}
	d.writes = 0
	object := &licensing.LicenseUsage{}
	d.must(d.api.Get(t.Context(), poolKey, object))
	if object.Status.History != theirs.Status.History || d.writes != 0 {
		t.Errorf("%q after %d writes", object.Status.History, d.writes)
	}
	d.must(d.api.Delete(t.Context(), object)) // as the Event says
	d.passes(3 * time.Minute)
	if _, h := d.stored(); h.Since().IsZero() {
		t.Error("no history begins")
	}
}

func TestSystemLoginsAndWhoWaitsAreInNoHistory(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	d.clerk()
	system := MakeUserSession("system").Pool("p").User("backup").SystemLogin().Active(licensing.SeatUncounted, "", d.clock.Now()).Obj()
	d.store(system)
	waits := MakeUserSession("waits").Pool("p").User("ann").Waiting(time.Time{}).Obj()
	d.store(waits)
	d.see(func(r *LicenseUsageReconciler) { r.putSession(system); r.putSession(waits) })
	d.passes(3 * time.Minute)
	d.check()
}

// TestAHistoryIsNeverWrong: whatever happens to those who keep it, what it says it knows is what happened.
func TestAHistoryIsNeverWrong(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := newDiary(t, keptPool().Obj())
		d.clerk()
		names := 0
		pick := func() string {
			live := slices.Sorted(maps.Keys(d.live))
			return live[rapid.IntRange(0, len(live)-1).Draw(rt, "who")]
		}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			d.passes(time.Duration(rapid.IntRange(0, 200).Draw(rt, "pause")) * time.Second)
			switch what := rapid.IntRange(0, 12).Draw(rt, "what"); {
			case what < 5:
				names++
				d.logon(fmt.Sprintf("s%d", names), fmt.Sprintf("u%d", rapid.IntRange(0, 9).Draw(rt, "user")))
			case what < 7 && len(d.live) > 0:
				d.logoff(pick())
			case what == 7 && len(d.live) > 0:
				// Of one that no history tells of yet no trace would be left if the clerk that saw it goes now: docs/usage.md says so.
				object := &licensing.LicenseUsage{}
				name := pick()
				if d.api.Get(t.Context(), poolKey, object) == nil && d.live[name].Status.LogonTime.Before(object.Status.ThroughTime) {
					d.delete(name)
				}
			case what == 8 && len(d.clerks) > 0:
				d.goes(d.clerks[0])
			case what == 9 && len(d.clerks) < 3:
				d.clerk()
			case what == 10 && len(d.clerks) > 0: // it sleeps, and wakes before its watches tell it anything
				c := d.clerks[len(d.clerks)-1]
				c.isDeaf, c.next = true, d.clock.Now().Add(24*time.Hour)
				d.passes(time.Duration(rapid.IntRange(20, 400).Draw(rt, "sleep")) * time.Second)
				c.look()
				d.passes(time.Duration(rapid.IntRange(0, 9).Draw(rt, "late")) * time.Second)
				c.hears()
			case what == 11 && len(d.clerks) > 0:
				c, arrives, until := d.clerks[0], rapid.Bool().Draw(rt, "arrives"), d.clock.Now().Add(time.Duration(rapid.IntRange(1, 300).Draw(rt, "trouble"))*time.Second)
				c.fault = func(string) (bool, error) {
					if d.clock.Now().After(until) {
						return true, nil
					}
					return arrives, errLost
				}
			}
		}
		if len(d.clerks) == 0 {
			d.clerk()
		}
		d.logon("last", "last")
		d.passes(17 * time.Minute)
		_, h := d.stored()
		if h.Late() > 0 {
			rt.Errorf("%d came late", h.Late())
		}
		known := 0
		for _, p := range h.Series(usage.Concurrent, usage.Day, d.clock.Now()).Points {
			if p.Covered < p.Length {
				continue
			}
			known++
			sum, peak := 0, 0
			for second := p.Start; second.Before(p.Start.Add(p.Length)); second = second.Add(time.Second) {
				level := d.levels[int(second.Sub(d.began)/time.Second)]
				sum, peak = sum+level, max(peak, level)
			}
			if mean := float64(sum) / p.Length.Seconds(); p.Peak != peak || p.Mean-mean > 1e-9 || mean-p.Mean > 1e-9 {
				rt.Errorf("%s: mean %v, peak %d, and not %v, %d", p.Start.Format(time.TimeOnly), p.Mean, p.Peak, mean, peak)
			}
		}
		if known == 0 {
			rt.Error("nothing is known")
		}
	})
}

func TestAccountsThatNobodyUsesAreCounted(t *testing.T) {
	d := newDiary(t, keptPool().Named(3).Obj())
	c := d.clerk()
	for _, name := range []string{"ann", "bob", "cid"} {
		d.made++
		a := MakeLicenseAccount(name).Pool("p").User(name).Named().UID(name).Licensed(metav1.ConditionTrue, licensing.ReasonSeatHeld).Obj()
		a.CreationTimestamp = metav1.NewTime(d.clock.Now())
		d.see(func(r *LicenseUsageReconciler) { r.putAccount(a) })
		if name == "cid" {
			a = a.DeepCopy()
			a.Status.Conditions = nil // it holds no seat any more
			d.see(func(r *LicenseUsageReconciler) { r.putAccount(a) })
		}
	}
	day := func() {
		for range 24 * 6 { // faster than by seconds
			d.clock.SetTime(d.clock.Now().Add(10 * time.Minute))
			c.r.lines[poolKey].looked = d.clock.Now()
			c.look()
		}
	}
	shown := func() *int32 {
		object, _ := d.stored()
		return object.Status.Named.DormantAccounts
	}
	for range 60 {
		day()
	}
	s := MakeUserSession("s").Pool("p").User("Bob").Active(licensing.SeatNamed, "s", d.clock.Now()).Obj()
	d.store(s)
	d.see(func(r *LicenseUsageReconciler) { r.putSession(s) })
	for range 29 {
		day()
	}
	if n := shown(); n != nil {
		t.Errorf("%d after 89 days", *n)
	}
	for range 3 {
		day()
	}
	if n := shown(); n == nil || *n != 1 {
		t.Errorf("%v dormant after 92 days, and not ann alone", n)
	}
}

func TestAWatchThatIsLostDuringAWriteIsAGapAfterIt(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	c := d.clerk()
	d.morning()
	gone := d.live["m6"]
	d.logon("next", "next")
	lost := time.Time{}
	c.fault = func(string) (bool, error) {
		if lost.IsZero() {
			lost = d.clock.Now()
			delete(d.live, "m6")
			c.r.dropSession(gone, false)
		}
		return true, nil
	}
	for range 700 {
		d.passes(time.Second)
	}
	if lost.IsZero() {
		t.Fatal("nothing was written")
	}
	d.check(lost.Add(-usageSettles), lost)
}

func TestAccountsAreKnownAfterTheirPoolIsAppliedAgain(t *testing.T) {
	d := newDiary(t, keptPool().Named(3).Obj())
	c := d.clerk()
	a := MakeLicenseAccount("ann").Pool("p").User("ann").Named().UID("ann").Licensed(metav1.ConditionTrue, licensing.ReasonSeatHeld).Obj()
	c.r.putAccount(a)
	d.passes(2 * time.Minute)
	d.removePool()
	c.r.dropAccount(a)
	if len(c.r.lines) != 1 {
		t.Error("the pool is forgotten before it is told that it is gone")
	}
	c.r.putAccount(a)
	d.passes(2 * time.Minute)
	d.apply(keptPool().Named(3).Obj()) // the account is as it was: no watch shows it anew
	if l := c.r.lines[poolKey]; len(l.accounts) != 1 {
		t.Errorf("%d accounts are known", len(l.accounts))
	}
	d.removePool()
	c.r.dropAccount(a)
	d.passes(time.Minute)
	if len(c.r.lines) != 0 {
		t.Error("a pool that is gone, with its accounts, is still remembered")
	}
	c.r.putAccount(a) // of a pool that never was
	c.r.dropAccount(a)
	if len(c.r.lines) != 0 {
		t.Error("a pool that never was is remembered")
	}
}

func TestAPoolThatIsGoneLeavesNoSeries(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	d.clerk()
	d.logon("s", "ann")
	d.passes(3 * time.Minute)
	d.removePool()
	d.logoff("s")
	d.passes(3 * time.Minute)
	d.delete("s")
	d.passes(3 * time.Minute)
	if left := usageWrites.DeletePartialMatch(prometheus.Labels{"namespace": DefaultNamespace, "pool": "p"}); left != 0 {
		t.Errorf("%d series are left", left)
	}
}

func TestAPoolThatIsGoneIsForgottenThoughItsHistoryCannotBeRead(t *testing.T) {
	d := newDiary(t, keptPool().Obj())
	c := d.clerk()
	d.passes(2 * time.Minute)
	object, _ := d.stored()
	object.Status.History = "cut off"
	d.must(d.api.Status().Update(t.Context(), object))
	d.passes(2 * time.Minute)
	d.removePool()
	d.passes(time.Minute)
	if len(c.r.lines) != 0 {
		t.Error("it is still remembered")
	}
}
