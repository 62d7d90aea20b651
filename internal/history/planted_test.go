// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/history"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// trial is a small history: told legally it must pass; with its fault it must be found to break exactly one invariant. The two differ in as little as can be.
type trial struct {
	name   string
	tell   func(s *story, fault bool)
	settle bool
	opts   history.Options
}

// either is the first in a legal story, the second in one with its fault.
func either[T any](fault bool, legal, faulty T) T {
	if fault {
		return faulty
	}
	return legal
}

func two() *LicensePoolBuilder { return MakeLicensePool("p").UID("pool-1").Concurrent(2) }

const concurrent, named = licensing.SeatConcurrent, licensing.SeatNamed

var oversold = []trial{
	{name: "more intents than seats", tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("a").login("b").login("c").intend(either(fault, []string{"a", "b"}, []string{"a", "b", "c"})...)
	}},
	{name: "an intent beside sessions that have all seats", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a", "b").login("c")
		if !fault {
			s.remove(MakeUserSession("a").Obj())
		}
		s.intend("c")
	}},
	{name: "an account whose user was on its seat until a moment ago, in a pool whose seats were made fewer", tell: func(s *story, fault bool) {
		s.write(MakeLicensePool("p").Named(2).Obj())
		s.write(MakeLicenseAccount("a").Pool("p").User("a").Named().Obj()).license("a").login("a1", user("a"))
		s.intendAs(licensing.SeatNamed, "a1").activate("a1", licensing.SeatNamed, "a1")
		s.account("a", func(a *licensing.LicenseAccount) { a.Status.Conditions = nil })
		s.pool(func(p *licensing.LicensePool) { p.Spec.Named.Seats = new(int32(0)) })
		s.ask("a1", licensing.RequesterUser).end("a1", licensing.RequestedByUser)
		if fault {
			s.after(2 * minute)
		}
		s.license("a")
	}},
	{name: "a login that joins a connection whose end was not seen yet, in a pool whose seats were made fewer", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a", "b").login("c").pool(func(p *licensing.LicensePool) { p.Spec.Concurrent.Seats, p.Generation = new(int32(1)), 2 })
		s.remove(MakeUserSession("a").Obj())
		if fault {
			s.intend("c")
		} else {
			s.join("a", "c")
		}
	}},
	{name: "an intent that is not carried out yet counts", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").login("b").login("c").intend("b").intend(either(fault, []string{"b"}, []string{"b", "c"})...)
	}},
	{name: "a session made Active by hand", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a", "b").login("c")
		if !fault {
			s.remove(MakeUserSession("a").Obj()).intend("c")
		}
		s.activate("c", concurrent, "c")
	}},
	{name: "a session made Active without an intent, though a seat is left", tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("a")
		if !fault {
			s.intend("a")
		}
		s.activate("a", concurrent, "a")
	}},
	{name: "a session that takes another seat than it was given", tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("a").intend("a").activate("a", concurrent, either(fault, "a", "b"))
	}},
	{name: "seats that were lowered are given away", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").pool(func(p *licensing.LicensePool) { p.Spec.Concurrent.Seats = new(int32(either(fault, 2, 1))) }).grant("b")
	}},
	{name: "one more above lowered seats", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a", "b").pool(func(p *licensing.LicensePool) { p.Spec.Concurrent.Seats = new(int32(0)) }).login("c", user("a"))
		if fault {
			s.intend("c")
		} else {
			s.join("a", "c").activate("c", concurrent, "a") // of a connection that lives
		}
	}},
	{name: "a system login takes an intent too", tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("cron", func(b *UserSessionBuilder) { b.SystemLogin() })
		if !fault {
			s.intendAs(licensing.SeatUncounted, "cron").patchPool(func(p *licensing.LicensePool) { p.Status.Grants.Intents[0].Connection = "" })
		}
		s.activate("cron", licensing.SeatUncounted, "")
	}},
	{name: "more named seats than there are", tell: func(s *story, fault bool) {
		s.write(MakeLicensePool("p").UID("pool-1").Named(1).Obj())
		s.write(MakeLicenseAccount("x").Pool("p").User("x").Named().Obj()).write(MakeLicenseAccount("y").Pool("p").User(either(fault, "X", "y")).Named().Obj())
		s.license("x").hold("x").license("y") // two spellings of a user have one seat
	}},
	{name: "a named seat stays taken while the user of a deleted account is on", tell: func(s *story, fault bool) {
		s.write(MakeLicensePool("p").UID("pool-1").Named(1).Obj())
		s.write(MakeLicenseAccount("x").Pool("p").User("x").Named().Obj()).license("x").hold("x").login("s", user("x"))
		s.intendAs(named, "s").activate("s", named, "s").remove(MakeLicenseAccount("x").Obj())
		if !fault {
			s.remove(MakeUserSession("s").Obj())
		}
		s.write(MakeLicenseAccount("y").Pool("p").User("y").Named().Obj()).license("y")
	}},
	{name: "an account licensed by hand", tell: func(s *story, fault bool) {
		s.write(MakeLicensePool("p").UID("pool-1").Named(1).Obj()).write(MakeLicenseAccount("x").Pool("p").User("x").Named().Obj())
		if !fault {
			s.license("x")
		}
		s.hold("x")
	}},
	{name: "an intent of a deleted pool that another has fenced off", tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("a").intend("a").remove(MakeLicensePool("p").Obj()).write(two().UID("pool-2").Obj())
		if fault {
			s.session("a", func(o *licensing.UserSession) { o.Status.PoolUID = "pool-2" }).intend()
		}
		s.activate("a", concurrent, "a")
	}},
	{name: "accounts of an earlier pool are given the seats that were recorded before they were made fewer", tell: func(s *story, fault bool) {
		s.write(MakeLicensePool("p").UID("pool-1").Named(2).Obj())
		for _, n := range []string{"x", "y"} {
			s.write(MakeLicenseAccount(n).Pool("p").User(n).Named().Obj()).account(n, func(a *licensing.LicenseAccount) { a.Status.PoolUID = "pool-1" })
		}
		s.remove(MakeLicensePool("p").Obj()).write(MakeLicensePool("p").UID("pool-2").Named(2).Obj()).license(either(fault, []string{"x", "y"}, []string{"x"})...)
		s.pool(func(p *licensing.LicensePool) { p.Spec.Named.Seats = new(int32(1)) }).hold("x")
		if fault {
			s.license("y")
		}
		s.hold("y")
	}},
	{name: "an account's intent of a deleted pool that another has fenced off", tell: func(s *story, fault bool) {
		s.write(MakeLicensePool("p").UID("pool-1").Named(1).Obj()).write(MakeLicenseAccount("x").Pool("p").User("x").Named().Obj()).license("x")
		s.remove(MakeLicensePool("p").Obj()).write(MakeLicensePool("p").UID("pool-2").Named(1).Obj())
		s.account("x", func(a *licensing.LicenseAccount) { a.Status.PoolUID = either(fault, "pool-0", "pool-2") })
		s.hold("x")
	}},
}

var final = []trial{
	{name: "a revival", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser)
		if fault {
			s.activate("a", concurrent, "a")
		} else {
			s.login("a2", user("a")).intend("a2").activate("a2", concurrent, "a2")
		}
	}},
	{name: "a denied session that is pending again", tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("a").deny("a", licensing.ReasonAccountDisabled)
		s.session("a", func(o *licensing.UserSession) {
			o.Status.State = either(fault, o.Status.State, licensing.SessionPending)
		})
	}},
	{name: "another action", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser)
		s.session("a", func(o *licensing.UserSession) {
			o.Status.Message = "Anew."
			o.Status.TerminationAction = either(fault, o.Status.TerminationAction, licensing.TerminatedBySystem)
		})
	}},
	{name: "another time, in the last that is seen of it", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser).remove(MakeUserSession("a").Obj())
		if fault {
			s.entries[len(s.entries)-1].Object.(*licensing.UserSession).Status.TerminatedTime = new(metav1.NewTime(s.now.Add(time.Second)))
		}
	}},
	{name: "another connection", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser)
		s.session("a", func(o *licensing.UserSession) { o.Status.Connection = either(fault, "a", "b") })
	}},
	{name: "another logon, across a gap", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser)
		s.revision += 10
		s.entries = append(s.entries, history.Entry{Type: history.Missed, After: s.revision - 10, Revision: s.revision, Seen: s.now})
		s.session("a", func(o *licensing.UserSession) {
			o.Status.LogonTime = new(metav1.NewTime(s.now.Add(either(fault, 0, time.Second))))
		})
		s.entries[len(s.entries)-1].Type = history.Listed
	}},
}

var told = []trial{
	{name: "no message", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").ask("a", licensing.RequesterUser)
		s.session("a", func(o *licensing.UserSession) {
			ended(o, licensing.RequestedByUser, s.now)
			o.Status.Message = either(fault, "You signed out.", "")
		})
	}},
	{name: "no time", tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("a")
		s.session("a", func(o *licensing.UserSession) {
			o.Status = MakeUserSession("").Denied(licensing.ReasonAccountDisabled, s.now).Message("No.").Obj().Status
			o.Status.TerminatedTime = either(fault, o.Status.TerminatedTime, nil)
		})
	}},
	{name: "no reason", tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("a").deny("a", either(fault, licensing.ReasonAccountDisabled, ""))
	}},
	{name: "no Event", settle: true, opts: history.Options{Events: true}, tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser).show(0)
		s.event("a", either(fault, licensing.RequestedByUser, licensing.TerminatedBySystem))
	}},
	{name: "no Event of a live session's deletion", settle: true, opts: history.Options{Events: true}, tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").remove(MakeUserSession("a").Obj()).show(0)
		if !fault {
			s.event("a", licensing.RequestedByAdministrator)
		}
	}},
}

func TestOversold(t *testing.T) { try(t, history.NeverOversold, oversold) }
func TestFinal(t *testing.T)    { try(t, history.FinalIsFinal, final) }
func TestTold(t *testing.T)     { try(t, history.EveryEndIsTold, told) }
func TestHeld(t *testing.T)     { try(t, history.HeldMeansHeld, held) }
func TestLost(t *testing.T)     { try(t, history.NoSeatIsLost, lost) }

// try tells each story both ways.
func try(t *testing.T, invariant int, trials []trial) {
	t.Helper()
	for _, trial := range trials {
		t.Run(trial.name, func(t *testing.T) {
			legal, faulty := newStory(), newStory()
			trial.tell(legal, false)
			trial.tell(faulty, true)
			if found := legal.check(t, trial.opts, trial.settle).Findings(); len(found) > 0 {
				t.Errorf("a false alarm: %v", found)
			}
			found := faulty.check(t, trial.opts, trial.settle).Findings()
			if len(found) != 1 || found[0].Invariant != invariant {
				t.Errorf("want one finding of invariant %d, got %v", invariant, found)
			}
			for _, f := range found {
				if t.Log(f); f.Revision == 0 || len(f.Objects) == 0 || f.Message == "" {
					t.Errorf("a finding must state revision, objects and a sentence: %#v", f)
				}
			}
		})
	}
}
