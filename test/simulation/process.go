// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/witness"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

// systemNamespace is where the replicas' Leases are.
const systemNamespace = "seatkeeper-system"

// process is one replica of the operator: it hears clients, writes down what it heard, and leads at times. What decides in it is the real thing.
type process struct {
	w    *World
	name string
	// offset is how far its clock is ahead of the true time.
	offset time.Duration

	dead     bool
	stopping bool
	// awakeAt is until when it sleeps; cutOffUntil until when it cannot reach the API server.
	awakeAt, cutOffUntil time.Time
	// ailing is since when, at the latest, it has been dead, asleep or cut off; ailed until when.
	ailing, ailed time.Time

	watches  *watches
	direct   *connection
	roster   *witness.Roster
	recorder *activity.Recorder
	sweeper  *activity.Sweeper
	began    bool
	flushed  bool // it has written down what it knew before it ended
	ready    bool // as its load balancer sees it
	unready  int  // how often in a row it was found not to be

	lead *lead
	// renewed is when it last renewed its lead; of the others' it knows lastSeen at leadRevision.
	renewed, lastSeen time.Time
	leadRevision      int
}

// Now is clock.PassiveClock's.
func (p *process) Now() time.Time { return p.w.now.Add(p.offset) }

// Since is clock.PassiveClock's.
func (p *process) Since(t time.Time) time.Duration { return p.Now().Sub(t) }

// spawn begins a task of the process.
func (p *process) spawn(name string, body func(*task)) { p.w.spawn(p, name, body) }

// start starts a replica.
func (w *World) start() {
	w.started++
	p := &process{w: w, name: fmt.Sprintf("r%d", w.started), offset: w.evenly(-w.scenario.Skew/2, w.scenario.Skew/2)}
	p.direct = &connection{w: w, of: p, patience: 10 * time.Second}
	p.watches = w.newWatches(p, apimodel.Pools, apimodel.Sessions, apimodel.Leases)
	p.roster = witness.NewRoster(p.name, p)
	p.recorder = activity.New(p.name, p, p.roster.Alive)
	lease := &connection{w: w, of: p, patience: 5 * time.Second}
	p.sweeper = &activity.Sweeper{Recorder: p.recorder, Client: p.direct, Live: p.direct, Clock: p, Log: w.log(p), Freshness: w.scenario.Freshness, Parallel: 1,
		Lease: &witness.Lease{Client: lease, Namespace: systemNamespace, Replica: p.name}, Roster: p.roster, Settled: p.roster.Settled}
	if b := w.broken.Process; b != nil {
		b(p)
	}
	for _, follow := range []error{p.roster.Follow(context.Background(), p.watches), p.recorder.Follow(context.Background(), p.watches)} {
		if follow != nil {
			panic(follow)
		}
	}
	w.processes = append(w.processes, p)
	w.note("%s starts, its clock is %s ahead", p.name, p.offset)
	p.spawn(p.name+" sweeps", p.run)
}

// run sweeps, as Sweeper.Start does, once the watches have shown all there is.
func (p *process) run(t *task) {
	for !p.watches.synced() {
		t.sleep(50 * time.Millisecond)
	}
	p.began = true
	p.w.after(p.w.evenly(0, 2*time.Second), p, p.elect)
	for !p.stopping {
		began := p.w.now
		if err := p.sweeper.Sweep(context.Background()); err != nil {
			p.w.note("%s could not sweep: %v", p.name, err)
		}
		t.sleep(max(time.Millisecond, time.Second-p.w.now.Sub(began)))
	}
	p.w.note("%s writes down what it knows", p.name)
	p.flushed = p.sweeper.Finish()
	p.end("stopped in order")
}

// crash ends a process where it stands.
func (p *process) crash(why string) {
	if p.dead {
		return
	}
	p.end("crashes " + why)
}

func (p *process) end(why string) {
	w := p.w
	w.note("%s %s", p.name, why)
	p.dead = true
	if !p.flushed {
		p.ails(time.Hour)
	}
	p.watches.close()
	if p.lead != nil {
		p.lead.watches.close()
		p.lead.ended = w.now
	}
	own := false
	for _, t := range w.ordered() {
		switch {
		case t.of != p:
		case t == w.current:
			own = true
		default:
			t.kill()
		}
	}
	if !w.ending || w.alive() == 0 {
		w.after(w.between(200*time.Millisecond, w.scenario.Restart), nil, func() {
			if w.alive() < w.scenario.Replicas {
				w.start()
			}
		})
	}
	if own {
		w.current.dead = true
		panic(killed{})
	}
}

// pause stops a process for a while; it does not notice.
func (p *process) pause(d time.Duration) {
	p.w.note("%s sleeps for %s", p.name, d.Round(time.Millisecond))
	if until := p.w.now.Add(d); until.After(p.awakeAt) {
		p.awakeAt = until
	}
	p.ails(d)
}

// wake ends a pause before its time, so that nothing of the process is late any more.
func (p *process) wake() {
	p.awakeAt = p.w.now
	p.w.hasten(p)
}

// ails notes that the process cannot do its part for a while.
func (p *process) ails(d time.Duration) {
	if !p.w.now.Before(p.ailed) {
		p.ailing = p.w.now
	}
	if until := p.w.now.Add(d); until.After(p.ailed) {
		p.ailed = until
	}
}

// stop tells a process to stop: it gives up the lead, hears nobody any more, writes down what it knows, and removes its Lease.
func (p *process) stop() {
	p.w.note("%s is told to stop", p.name)
	p.stopping = true
	if p.lead != nil {
		p.stopLeading("it is told to stop")
		if p.w.leader == p {
			p.w.leader = nil
			p.w.leadRevision++
		}
	}
	if !p.began {
		p.end("stopped before it began")
	}
}

// hears says whether the process answers clients now.
func (p *process) hears() bool {
	return !p.dead && p.began && !p.stopping && !p.awakeAt.After(p.w.now)
}

// probe is how the load balancer sees who is ready.
func (p *process) probe() {
	if p.hears() && p.sweeper.Witness() && !p.sweeper.CutOff() {
		p.ready, p.unready = true, 0
		return
	}
	if p.unready++; p.unready >= 2 || p.dead {
		p.ready = false
	}
}

// alive is how many processes there are.
func (w *World) alive() int {
	n := 0
	for _, p := range w.processes {
		if !p.dead {
			n++
		}
	}
	return n
}
