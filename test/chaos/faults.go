// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seatkeeper/seatkeeper/test/replica"
)

// The lanes in which things break, each on its own: the operator's processes, what they run on, and what people and pipelines do.
const (
	lanePlaces  = "places"
	laneControl = "control"
	laneAdmin   = "admin"
	// leaderLease is the Lease of the leader election.
	leaderLease = "seatkeeper.licensing.seatkeeper.dev"
)

// lane is one in which things break, one after the other.
type lane struct {
	*scene
	name   string
	random *rand.Rand
	// life goes on when breaking is over: what was broken is mended all the same.
	life context.Context //nolint:containedctx // it is the run's
}

// fault is something to break, and for how long; it mends it before it returns.
type fault struct {
	of int // how often it is chosen, among the others of its lane
	do func(context.Context, *lane)
}

// breakThings starts the lanes. Wait on what is returned until all is mended, after the context has ended.
func (s *scene) breakThings(ctx context.Context) *sync.WaitGroup {
	var all sync.WaitGroup
	life := context.WithoutCancel(ctx)
	start := func(number uint64, name string, from, to time.Duration, faults []fault) {
		l := &lane{scene: s, name: name, random: s.o.random(number), life: life}
		all.Go(func() { l.run(ctx, from, to, faults) })
	}
	if s.o.plant != "" {
		all.Go(func() { s.plantFault(ctx, plants[s.o.plant]) })
		return &all // what is found must be what was planted
	}
	// A short run has its share of each kind, and time between for people to work.
	start(1, lanePlaces, 4*time.Second, 15*time.Second, placeFaults)
	start(2, laneControl, 12*time.Second, 35*time.Second, controlFaults)
	start(3, laneAdmin, 2*time.Second, 8*time.Second, adminActs)
	all.Go(func() {
		if sleep(ctx, s.o.length/2) {
			s.mu.Lock()
			s.elect = false
			s.mu.Unlock()
		}
	})
	return &all
}

// run breaks one thing after the other until the context ends.
func (l *lane) run(ctx context.Context, from, to time.Duration, faults []fault) {
	total := 0
	for _, f := range faults {
		total += f.of
	}
	switched := l.name != lanePlaces
	for sleep(ctx, l.between(from, to)) {
		if l.name != laneAdmin && !sleep(ctx, l.calm(time.Since(l.began))) {
			return
		}
		if !switched && !l.electing() {
			switched = true
			l.allLead()
		}
		n := l.random.IntN(total)
		for _, f := range faults {
			if n -= f.of; n < 0 {
				f.do(ctx, l)
				break
			}
		}
		l.now(l.name, "")
	}
}

// Faults come in storms, with calm between: after each change of the leader everybody is spared for two heartbeats and 5 s, so that without calm nobody would ever be idle or lost for long enough.
const storm, calm = 110 * time.Second, 100 * time.Second

// calm is how long the calm lasts on; 0: there is a storm.
func (l *lane) calm(since time.Duration) time.Duration {
	if into := since % (storm + calm); into > storm {
		return storm + calm - into
	}
	return 0
}

func (l *lane) between(from, to time.Duration) time.Duration {
	return from + time.Duration(l.random.Int64N(int64(to-from)+1))
}

// breaks notes what is broken, and counts it.
func (l *lane) breaks(kind, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	l.tally.add(faults, kind)
	l.now(l.name, what)
	l.say("  %s", what)
}

// sleep waits, or returns false when the context ends.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// placeFaults are done to the operator's processes.
var placeFaults = []fault{
	{30, func(_ context.Context, l *lane) {
		p, who := l.victim()
		l.breaks("replica killed (SIGKILL)", "%s is killed", who)
		l.kill(p)
	}},
	{8, func(_ context.Context, l *lane) {
		p, who := l.victim()
		other := l.places[p.number%replicas]
		l.breaks("two replicas killed (SIGKILL)", "%s and replica %d are killed", who, other.number)
		l.must(p.now(true).Kill(), other.now(true).Kill())
		l.must(p.launch(), other.launch())
	}},
	{15, func(ctx context.Context, l *lane) { l.pause(ctx, l.between(2*time.Second, 12*time.Second), "") }},
	{22, func(ctx context.Context, l *lane) {
		l.pause(ctx, l.between(18*time.Second, 45*time.Second), " for longer than its lease")
	}},
	{25, func(_ context.Context, l *lane) {
		p, who := l.victim()
		l.breaks("replica restarted (SIGTERM)", "%s is restarted", who)
		l.restart(p)
	}},
}

func (l *lane) kill(p *place) {
	l.must(p.now(true).Kill())
	l.must(p.launch())
}

// restart ends a replica in order, and starts another.
func (l *lane) restart(p *place) {
	r := p.now(true)
	l.must(r.Terminate())
	if err := r.WaitEnd(); err != nil {
		l.tally.add(faults, "of those, stopped late or with an error") // an API server that is away keeps it from writing down what it knows
		l.must(r.Kill())
	}
	l.must(p.launch())
}

func (l *lane) pause(ctx context.Context, d time.Duration, why string) {
	p, who := l.victim()
	l.breaks("replica paused (SIGSTOP)"+why, "%s is paused for %s%s", who, d.Round(time.Second), why)
	r := p.now(false)
	l.must(r.Pause())
	sleep(ctx, d)
	l.must(r.Resume())
}

// must gives up the run: what fails here is the machine's fault, and nothing can be judged any more.
func (l *lane) must(errs ...error) {
	for _, err := range errs {
		if err != nil {
			l.tally.find("a fault could not be made or mended: " + err.Error())
		}
	}
}

// victim is the leader, or any.
func (l *lane) victim() (*place, string) {
	p := l.places[l.random.IntN(replicas)]
	leader := l.random.IntN(100) < 60
	if !leader || !l.electing() {
		return p, fmt.Sprintf("replica %d", p.number)
	}
	ctx, cancel := context.WithTimeout(l.life, 2*time.Second)
	defer cancel()
	lease := &coordinationv1.Lease{}
	if l.API.Get(ctx, types.NamespacedName{Namespace: replica.Namespace, Name: leaderLease}, lease) == nil && lease.Spec.HolderIdentity != nil {
		for _, other := range l.places {
			if other.named() == *lease.Spec.HolderIdentity {
				return other, fmt.Sprintf("replica %d, the leader,", other.number)
			}
		}
	}
	return p, fmt.Sprintf("replica %d", p.number)
}

// allLead replaces all replicas, one after the other, by some that elect nobody.
func (l *lane) allLead() {
	l.say("from now on there is no leader election: all replicas lead")
	for _, p := range l.places {
		l.restart(p)
	}
}
