// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/fields"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

// bends puts one way to bend a request behind those that are there.
func bends(how func(*apimodel.Request) (*apimodel.Request, *apimodel.Answer), connections ...*connection) {
	for _, c := range connections {
		c.bend = how
	}
}

func of(r *apimodel.Request, verb apimodel.Verb, kind *apimodel.Kind) bool {
	return r.Verb == verb && r.Kind == kind
}

// onSession changes the status writes of a lead that change sessions.
func onSession(change func(l *lead, r *apimodel.Request, s *licensing.UserSession) (*apimodel.Request, *apimodel.Answer)) Broken {
	return Broken{Lead: func(l *lead, cached, _ *connection) {
		bends(func(r *apimodel.Request) (*apimodel.Request, *apimodel.Answer) {
			if s, ok := r.Object.(*licensing.UserSession); ok && r.Status && r.Verb == apimodel.Patch {
				return change(l, r, s)
			}
			return r, nil
		}, cached)
	}}
}

// onPool changes what a lead writes to pools.
func onPool(change func(l *lead, p *licensing.LicensePool)) Broken {
	return Broken{Lead: func(l *lead, cached, _ *connection) {
		bends(func(r *apimodel.Request) (*apimodel.Request, *apimodel.Answer) {
			if p, ok := r.Object.(*licensing.LicensePool); ok && r.Status {
				change(l, p)
			}
			return r, nil
		}, cached)
	}}
}

// newest is what the API server has of an object.
func newest(w *World, r *apimodel.Request) string {
	if o := w.server.Object(r.Kind, r.Key); o != nil {
		return o.GetResourceVersion()
	}
	return r.Object.GetResourceVersion()
}

// crowded is a scenario in which seats are few and those who want them many, and nobody keeps more than a moment of peace.
func crowded(c *Scenario) {
	c.Replicas, c.Election, c.Unsynced = 3, false, false
	c.Clients, c.Users, c.Pools = 12, 6, 1
	c.Pauses, c.Crashes = 5, 3
	c.CallFaults = append(c.CallFaults, odds{pauseBefore, 0.01}, odds{answerLost, 0.01})
	c.Edits, c.Removals = false, false
}

// replacedAtOnce is a scenario in which pools are deleted and applied again all the time, and people wait for their seats.
func replacedAtOnce(c *Scenario) {
	c.Replicas, c.Election, c.Unsynced = 3, false, false
	c.Clients, c.Users, c.Pools = 12, 6, 1
	c.Edits, c.Removals, c.Administration = true, true, 3*time.Second
}

// slowToGrant keeps grants from being sent for a while at times: what is recorded is carried out late.
func slowToGrant(l *lead, r *apimodel.Request, s *licensing.UserSession) {
	if w := l.of.w; r.Status && s.Status.State == licensing.SessionActive && !w.ending && w.chance(0.3) {
		w.current.sleep(w.between(time.Second, 20*time.Second))
	}
}

// TestARuleThatIsBrokenIsFound breaks one rule of docs/design.md after the other. The simulation must find that a promise is broken: one that finds nothing in a broken operator says nothing of a sound one.
func TestARuleThatIsBrokenIsFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule   string
		finds  string
		broken Broken
	}{
		{"a pool is written on the condition that nobody wrote it since", "invariant 1", with(onPool(func(l *lead, p *licensing.LicensePool) {
			p.ResourceVersion = newest(l.of.w, apimodel.NewUpdate(p, true))
		}), crowded)},
		{"each grant has an intent on the pool", "invariant 1", onPool(func(_ *lead, p *licensing.LicensePool) {
			if p.Status.Grants != nil {
				p.Status.Grants.Intents = nil
			}
		})},
		{"a login that joins a connection has an intent, too", "invariant 1", onPool(func(_ *lead, p *licensing.LicensePool) {
			if g := p.Status.Grants; g != nil {
				var opened []licensing.GrantIntent
				for _, i := range g.Intents {
					if i.Kind != "UserSession" || i.Connection == "" || i.Connection == string(i.UID) {
						opened = append(opened, i)
					}
				}
				g.Intents = opened
			}
		})},
		{"who takes the term lists from the API server itself", "invariant", with(Broken{Lead: func(l *lead, _, live *connection) {
			bends(func(r *apimodel.Request) (*apimodel.Request, *apimodel.Answer) {
				if of(r, apimodel.List, apimodel.Sessions) {
					return r, l.watches.answer(r)
				}
				return r, nil
			}, live)
		}}, crowded, func(c *Scenario) { c.LateWatch, c.LongestLag = 0.5, 15*time.Second })},
		{"an end is written on the condition that nobody wrote the session since", "invariant", with(onSession(func(_ *lead, r *apimodel.Request, s *licensing.UserSession) (*apimodel.Request, *apimodel.Answer) {
			if s.Status.State == licensing.SessionTerminated {
				return r.Unlocked(), nil
			}
			return r, nil
		}), func(c *Scenario) { c.LateWatch, c.LongestLag = 0.5, 100*time.Second })},
		{"nobody ends for idleness before every witness was heard", "invariant", Broken{Lead: func(l *lead, _, _ *connection) { l.reconciler.Roster = nil }}},
		{"a replica swears to what it has written, and to no more", "invariant 4", Broken{Process: func(p *process) {
			bends(func(r *apimodel.Request) (*apimodel.Request, *apimodel.Answer) {
				if of(r, apimodel.Patch, apimodel.Sessions) && r.Status {
					return r, &apimodel.Answer{Object: r.Object}
				}
				return r, nil
			}, p.direct)
		}}},
		{"what ended stays so, since the schema says it", "invariant 3", with(onSession(func(_ *lead, r *apimodel.Request, s *licensing.UserSession) (*apimodel.Request, *apimodel.Answer) {
			if s.Status.State == licensing.SessionActive {
				return r.Unlocked(), nil
			}
			return r, nil
		}), crowded, func(c *Scenario) { c.Administration = 3 * time.Second }, lawless)},
		{"every end is told by an Event", "invariant 6", Broken{Deaf: func(reason string) bool { return reason == string(licensing.RequestedByUser) }}},
		{"the Lease is renewed after each sweep", "invariant", Broken{Process: func(p *process) {
			bends(func(r *apimodel.Request) (*apimodel.Request, *apimodel.Answer) {
				if lease, ok := r.Object.(*coordinationv1.Lease); ok && lease.ResourceVersion != "" {
					return r, &apimodel.Answer{Object: r.Object}
				}
				return r, nil
			}, p.sweeper.Lease.Client.(*connection))
		}}},
		{"a new pool takes over whom an earlier one may have meant to grant before it grants itself", "invariant 1", with(Broken{Lead: func(l *lead, cached, _ *connection) {
			bends(func(r *apimodel.Request) (*apimodel.Request, *apimodel.Answer) {
				switch o := r.Object.(type) {
				case *licensing.LicensePool:
					if r.Status {
						o.Status.Grants.SessionsFenced = true
					}
				case *licensing.UserSession:
					slowToGrant(l, r, o)
				}
				return r, nil
			}, cached)
		}}, replacedAtOnce)},
		{"a seat is free when the end of its session was written", "invariant", onSession(func(_ *lead, r *apimodel.Request, s *licensing.UserSession) (*apimodel.Request, *apimodel.Answer) {
			if s.Status.State == licensing.SessionTerminated {
				return r, &apimodel.Answer{Object: r.Object}
			}
			return r, nil
		})},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			const most = 3000
			var seeds atomic.Int64
			found := ""
			Campaign{First: 1, Seeds: most, For: 10 * time.Minute, Workers: runtime.NumCPU(), Broken: c.broken, Found: func(r Result) bool {
				if strings.Contains(strings.Join(r.Violations, "\n"), c.finds) && found == "" {
					found = r.Violations[0]
				}
				return found == ""
			}, Done: func(Counts) { seeds.Add(1) }}.Run(time.Now())
			if found == "" {
				t.Fatalf("%q is broken, and %d seeds found nothing", c.rule, seeds.Load())
			}
			t.Logf("without %q: found after %d seeds: %.300s", c.rule, seeds.Load(), found)
		})
	}
}

// with changes the scenarios of an operator with a broken rule.
func with(b Broken, changes ...func(*Scenario)) Broken {
	b.Scenario = func(c *Scenario) {
		for _, change := range changes {
			change(c)
		}
	}
	return b
}

// lawless marks scenarios in which the schemas' rules are not kept.
func lawless(c *Scenario) { c.Lawless = true }

// answer lists from a view.
func (v *watches) answer(r *apimodel.Request) *apimodel.Answer {
	answer := &apimodel.Answer{Revision: "1"}
	i := v.informers[r.Kind]
	for _, key := range sortedKeys(i.objects) {
		if s := i.objects[key].(*licensing.UserSession); r.Fields.Matches(fields.Set{"spec.poolRef.name": s.Spec.PoolRef.Name}) {
			answer.Objects = append(answer.Objects, s)
		}
	}
	return answer
}
