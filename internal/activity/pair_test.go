// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package activity

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
	"github.com/seatkeeper/seatkeeper/internal/seating"
	"github.com/seatkeeper/seatkeeper/internal/witness"
)

// pair is two replicas that hear the same clients, and a leader that ends who is due by what is on record and on the replicas' leases.
type pair struct {
	*world

	other  *Sweeper
	ledger *seating.Ledger
	rules  uint64 // the pool's revision
	pool   *licensing.LicensePool
}

func newPair(t *testing.T, pool *licensing.LicensePool) *pair {
	t.Helper()
	pool.ResourceVersion = "1"
	p := &pair{world: newWorld(t, pool), ledger: seating.NewLedger(facts.Rules(pool)), pool: pool, rules: 1}
	p.alive["other"] = true
	other := New("other", p.clock, func(string) (time.Time, bool) { return nine, true })
	other.synced = func() bool { return true }
	other.SetPool(poolKey, pool)
	p.other = &Sweeper{Recorder: other, Client: p.sweeper.Client, Live: p.api, Clock: p.clock, Log: logr.Discard(),
		Lease: &witness.Lease{Client: p.sweeper.Client, Namespace: "seatkeeper-system", Replica: "other"}, Roster: witness.NewRoster("other", p.clock)}
	return p
}

// watch shows a session, as it is now, to both replicas and the leader.
func (p *pair) watch(uid types.UID) {
	p.t.Helper()
	s := p.record(uid)
	p.learn(s, true)
	p.other.Recorder.learn(s, true)
	now := facts.Session(s)
	if before, ok := p.ledger.Session(string(uid)); ok {
		now.Life.Nearer = before.Life.Nearer
		if p.ledger.Rules().ComesNearer(before, now) {
			now.Life.Nearer = facts.Revision(s.ResourceVersion)
		}
	}
	p.ledger.PutSession(now)
}

// lead fails if the leader, who sees the leases as they are, would end anybody now.
func (p *pair) lead(who string) {
	p.t.Helper()
	leases := &coordinationv1.LeaseList{}
	if err := p.api.List(p.t.Context(), leases); err != nil {
		p.t.Fatal(err)
	}
	roster := witness.NewRoster("leader", p.clock)
	for i := range leases.Items {
		leases.Items[i].Spec.RenewTime = nil // it is seen as it is written
		roster.Observe(&leases.Items[i])
	}
	p.ledger.SetWitnesses(roster.Witnesses(poolKey), nine)
	for _, e := range p.ledger.Sweep(seating.Moment{Now: p.clock.Now(), Most: 10, LongestBrake: 15 * minute, RulesRevision: p.rules}).Ends {
		p.t.Fatalf("at %s, %s: %s", p.clock.Now().Sub(nine), who, e.Message)
	}
}

// at moves the clock to so long after nine.
func (p *pair) at(d time.Duration) *pair {
	p.world.at(d)
	return p
}

func (p *pair) sweepBoth(uid types.UID) {
	p.t.Helper()
	for _, sweeper := range []*Sweeper{p.other, p.sweeper} {
		if err := sweeper.Sweep(p.t.Context()); err != nil {
			p.t.Fatal(err)
		}
		p.watch(uid)
	}
}

// What a client told one replica once does not override what it tells another since.
func TestUnsavedWorkThatAnotherReplicaWasToldOfStays(t *testing.T) {
	p := newPair(t, office().UnsavedWorkTimeout(8*time.Hour).Obj())
	s := p.on("s", "other")
	p.watch(s)
	p.at(5*time.Second).Beat(s, &Report{UnsavedWork: new(false)})
	for at := beat; at < 40*minute; at += time.Second {
		p.at(at)
		if at%beat == 0 {
			report := &Report{Active: at <= 2*minute}
			if at == beat {
				report.UnsavedWork = new(true) // said when it changes; it stays so until something else is said
			}
			p.other.Recorder.Beat(s, report)
		}
		p.sweepBoth(s)
		p.lead("with unsaved work")
	}
}

// A client that says that its work is saved goes to one replica, its user's last activity went to the other.
func TestActivityThatAnotherReplicaHoldsOutlivesADeadlineBroughtNearer(t *testing.T) {
	p := newPair(t, office().UnsavedWorkTimeout(8*time.Hour).Obj())
	s := p.on("s", "other", func(s *licensing.UserSession) {
		s.Status.UnsavedWork, s.Status.TimeoutTime = true, new(metav1.NewTime(nine.Add(8*time.Hour)))
	})
	p.watch(s)
	p.at(60 * minute).active(s)
	p.at(60*minute + 5*time.Second).sweepBoth(s)
	p.other.Recorder.Beat(s, &Report{UnsavedWork: new(false)})
	if err := p.other.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.ledger.PutSession(nearer(p, s))
	p.lead("who worked five seconds ago")
	for at := 60*minute + 6*time.Second; at < 70*minute; at += time.Second {
		p.at(at).sweepBoth(s)
		p.lead("who worked a moment ago")
	}
}

// nearer is a session as the leader sees it before the replicas do.
func nearer(p *pair, uid types.UID) seating.Session {
	s := p.record(uid)
	now := facts.Session(s)
	now.Life.Nearer = facts.Revision(s.ResourceVersion)
	return now
}

// A replica lets go of a client late, after some seconds in which its writes failed, and the other hears the client.
func TestAClientThatIsHeardElsewhereIsNotLostWhenItsReplicaLetsGo(t *testing.T) {
	p := newPair(t, office().HeartbeatInterval(5*time.Second).LostAfter(10*time.Second).Obj())
	s := p.on("s", "other")
	p.watch(s)
	for at := 5 * time.Second; at <= 15*time.Second; at += 5 * time.Second {
		p.at(at).bare(s)
		if err := p.sweep(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.other.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := p.record(s).Status.HeardBy; got != "" {
		t.Fatal("heard by", got)
	}
	p.ledger.PutSession(nearer(p, s))
	p.lead("whom the other heard a moment ago")
	p.watch(s)
	p.sweepBoth(s)
	p.lead("whom the other heard a moment ago")
	if got := p.record(s).Status.HeardBy; got != "me" {
		t.Errorf("heard by %q", got)
	}
}

// The pool's idle timeout was shortened; a replica whose watch is away for a while does not swear by rules that it has not seen.
func TestAReplicaDoesNotSwearByRulesItHasNotSeen(t *testing.T) {
	p := newPair(t, office().IdleTimeout(8*time.Hour).Obj())
	s := p.on("s", "me", func(s *licensing.UserSession) { s.Status.TimeoutTime = new(metav1.NewTime(nine.Add(8 * time.Hour))) })
	p.watch(s)
	for at := time.Duration(0); at <= 60*minute; at += beat {
		p.at(at).active(s)
		p.sweepBoth(s)
	}
	short := office().IdleTimeout(30 * minute).Generation(2).ResourceVersion("1000000").Obj()
	p.ledger.SetRules(facts.Rules(short))
	p.rules = 1000000
	p.other.Recorder.SetPool(poolKey, short)
	for at := 60*minute + time.Second; at <= 62*minute; at += time.Second {
		if at%beat == 0 {
			p.at(at).active(s)
		}
		p.at(at).sweepBoth(s)
		p.lead("who is at work")
	}
	p.SetPool(poolKey, short)
	for at := 62*minute + time.Second; at <= 70*minute; at += time.Second {
		if at%beat == 0 {
			p.at(at).active(s)
		}
		p.at(at).sweepBoth(s)
		p.lead("who is at work")
	}
	if got := after(p.record(s).Status.LastActivityTime); got < 60*minute {
		t.Errorf("recorded %s", got)
	}
}

// A refusal of a moment, as while roles are applied anew, does not log off who answered the prompt.
func TestARefusalOfAMomentLosesNothing(t *testing.T) {
	p := newPair(t, office().Obj())
	s := p.on("s", "me")
	p.watch(s)
	p.at(29*minute + 50*time.Second).active(s)
	p.refuse = func() error { return apierrors.NewForbidden(resource, "s", nil) }
	if err := p.sweep(); err == nil {
		t.Fatal("no error")
	}
	p.refuse = nil
	for at := 29*minute + 51*time.Second; at <= 31*minute; at += time.Second {
		p.at(at).sweepBoth(s)
		p.lead("who answered")
	}
}

// Clients that crash at once are missing once: by their replica's lease until it lets go of them, by their records from then on.
func TestAClientIsMissingOnce(t *testing.T) {
	w := newWorld(t, office().IdleTimeout(2*minute).Obj())
	var all []types.UID
	for i := range 8 {
		all = append(all, w.on(fmt.Sprint("s", i), "me", func(s *licensing.UserSession) { s.Status.TimeoutTime = new(metav1.NewTime(nine.Add(2 * minute))) }))
	}
	for at := beat; at < 2*minute; at += beat {
		for _, uid := range all[3:] { // three of eight crashed
			w.at(at).active(uid)
		}
		if err := w.sweep(); err != nil {
			t.Fatal(err)
		}
	}
	due := w.at(2*minute).Due(w.clock.Now(), w.sweeper.sworn, true)
	if len(due.Must) != 3 || due.Missing[poolKey].Clients != 0 {
		t.Errorf("let go: %v, and missing: %+v", due.Must, due.Missing)
	}
}

// A replica that never could write its lease is no witness, and must not hear clients for long.
func TestAReplicaThatNeverWasAWitnessIsCutOff(t *testing.T) {
	w := newWorld(t, office().Obj())
	s := w.on("s", "me")
	w.at(29 * minute).active(s)
	w.refuse = func() error { return apierrors.NewInternalError(fmt.Errorf("no")) }
	for at := 29 * minute; at <= 30*minute; at += 10 * time.Second {
		if err := w.at(at).sweep(); err == nil || w.sweeper.Witness() {
			t.Fatal("it is a witness")
		}
	}
	if !w.sweeper.CutOff() {
		t.Error("not cut off")
	}
}

// A replica that takes over thousands of clients is heard all the while.
func TestATakeoverDoesNotSilenceWhoTakesOver(t *testing.T) {
	w := newWorld(t, office().Obj())
	w.alive["dead"] = true
	var uids []types.UID
	for i := range 3000 {
		uids = append(uids, w.on(fmt.Sprint("s", i), "dead"))
	}
	for _, uid := range uids {
		w.at(20 * time.Second).bare(uid)
	}
	w.alive["dead"] = false
	sworn := time.Duration(-1)
	w.refuse = func() error {
		sworn = max(sworn, w.swept())
		return nil
	}
	w.sweeper.Client = oneByOne{w.sweeper.Client}
	if err := w.sweep(); err != nil {
		t.Fatal(err)
	}
	if sworn != 20*time.Second {
		t.Error("the lease was not renewed before the clients were claimed")
	}
}

func TestWhatIsOnRecordIsNotUnwritten(t *testing.T) {
	w := newWorld(t, office().Obj())
	w.at(minute).Beat(w.on("s", "me"), &Report{UnsavedWork: new(false), Applications: &[]string{}})
	if got := w.Unwritten(); len(got) != 0 {
		t.Error(got)
	}
}
