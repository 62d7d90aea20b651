// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

const minute = time.Minute

// alone is a pool of 2 with one rule, and the user a on.
func alone(s *story, rule func(*LicensePoolBuilder)) *story {
	b := two()
	rule(b)
	return s.write(b.Obj()).grant("a")
}

func idle10(b *LicensePoolBuilder) { b.IdleTimeout(10 * minute) }

var held = []trial{
	{name: "nobody asked", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a")
		if !fault {
			s.ask("a", licensing.RequesterAdministrator)
		}
		s.end("a", licensing.RequestedByAdministrator)
	}},
	{name: "another than who asked", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").ask("a", licensing.RequesterUser).end("a", either(fault, licensing.RequestedByUser, licensing.RequestedByAdministrator))
	}},
	{name: "idle a second too early", tell: func(s *story, fault bool) {
		alone(s, idle10).after(either(fault, 10*minute, 10*minute-time.Second)).end("a", licensing.ExpiredSessionTerminated)
	}},
	{name: "idle by an activity that was superseded", tell: func(s *story, fault bool) {
		alone(s, idle10).after(9 * minute)
		if fault {
			s.session("a", func(o *licensing.UserSession) { o.Status.LastActivityTime = new(metav1.NewTime(s.now)) })
		}
		s.after(minute).end("a", licensing.ExpiredSessionTerminated)
	}},
	{name: "idle though unsaved work was reported", tell: func(s *story, fault bool) {
		alone(s, func(b *LicensePoolBuilder) { b.IdleTimeout(10 * minute).UnsavedWorkTimeout(20 * minute) })
		s.session("a", func(o *licensing.UserSession) { o.Status.UnsavedWork = true }).after(either(fault, 20*minute, 15*minute)).end("a", licensing.ExpiredSessionTerminated)
	}},
	{name: "idle by rules that were changed long ago", tell: func(s *story, fault bool) {
		before := either(fault, 2*time.Second, 10*time.Second) // a replica knows of a change within two
		alone(s, idle10).after(10*minute - before).pool(func(p *licensing.LicensePool) { p.Spec.Sessions.IdleTimeoutSeconds = new(int32(3600)) })
		s.after(before).end("a", licensing.ExpiredSessionTerminated)
	}},
	{name: "a named session that was idle", tell: func(s *story, fault bool) {
		s.write(two().Named(1).IdleTimeout(10*minute).Obj()).write(MakeLicenseAccount("x").Pool("p").User("x").Named().Obj()).license("x").hold("x").login("s", user("x"))
		seat := either(fault, concurrent, named)
		s.intendAs(seat, "s").activate("s", seat, "s").after(time.Hour).end("s", licensing.ExpiredSessionTerminated)
	}},
	{name: "lost though its client was never heard", tell: func(s *story, fault bool) {
		alone(s, func(b *LicensePoolBuilder) { b.LostAfter(minute) })
		if !fault {
			s.session("a", func(o *licensing.UserSession) { o.Status.LastHeartbeatTime = new(metav1.NewTime(s.now)) })
		}
		s.after(minute).end("a", licensing.ExpiredSessionTerminated)
	}},
	{name: "lost a second too early", tell: func(s *story, fault bool) {
		alone(s, func(b *LicensePoolBuilder) { b.LostAfter(minute) })
		s.session("a", func(o *licensing.UserSession) { o.Status.LastHeartbeatTime = new(metav1.NewTime(s.now)) })
		s.after(minute-either(fault, 0, time.Second)).end("a", licensing.ExpiredSessionTerminated)
	}},
	{name: "its lifetime a second too early", tell: func(s *story, fault bool) {
		alone(s, func(b *LicensePoolBuilder) { b.MaxLifetime(time.Hour) }).after(time.Hour-either(fault, 0, time.Second)).end("a", licensing.TerminatedBySystem)
	}},
	{name: "a pool that is back within the grace", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").remove(MakeLicensePool("p").Obj()).after(2 * minute)
		if fault {
			s.write(two().UID("pool-2").Obj())
		}
		s.after(3*minute).end("a", licensing.TerminatedBySystem)
	}},
	{name: "a pool that was gone for too short a time", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").after(minute).remove(MakeLicensePool("p").Obj()).after(either(fault, 5*minute, 4*minute)).end("a", licensing.TerminatedBySystem)
	}},
	{name: "the oldest ends for nobody", tell: func(s *story, fault bool) {
		crowd(s).login("a3", user(either(fault, "a", "b"))).end("a", licensing.OldestSessionTerminated)
	}},
	{name: "the oldest ends though the user may have more", tell: func(s *story, fault bool) {
		crowd(s).pool(func(p *licensing.LicensePool) { p.Spec.Sessions.MaxPerUser.Sessions = either[int32](fault, 2, 3) })
		s.after(minute).login("a3", user("a")).end("a", licensing.OldestSessionTerminated)
	}},
	{name: "the oldest ends for a login that is denied by rules that were changed long ago", tell: func(s *story, fault bool) {
		crowd(s).login("a3", user("a")).pool(func(p *licensing.LicensePool) { p.Spec.Sessions.MaxPerUser.WhenExceeded = licensing.LimitDeny })
		s.after(either(fault, time.Second, 10*time.Second)).deny("a3", licensing.ReasonUserLimitReached)
		s.after(time.Second).end("a", licensing.OldestSessionTerminated)
	}},
	{name: "the wrong victim", tell: func(s *story, fault bool) {
		crowd(s).login("a3", user("a")).end(either(fault, "a", "a2"), licensing.OldestSessionTerminated)
	}},
	{name: "Active and denied", tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("a").intend("a")
		if fault {
			s.activate("a", concurrent, "a")
		}
		s.deny("a", licensing.ReasonAccountDisabled)
	}},
	{name: "another connection while it is on", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a")
		s.session("a", func(o *licensing.UserSession) { o.Status.HeardBy, o.Status.Connection = "r", either(fault, "a", "b") })
	}},
	{name: "ended while it waited, unasked", tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("a")
		if !fault {
			s.ask("a", licensing.RequesterUser)
		}
		s.end("a", licensing.RequestedByUser)
	}},
}

// crowd is a pool where one may have two sessions, and a has two, logged on a minute apart.
func crowd(s *story) *story {
	s.write(two().MaxPerUser(2, licensing.LimitTerminateOldest).Obj()).grant("a").after(minute).login("a2", user("a"))
	return s.join("a", "a2").activate("a2", concurrent, "a").after(minute)
}

// busy lets an allocator that is at work write for as long: what it writes changes nothing.
func (s *story) busy(d time.Duration, used int32) {
	for range d / time.Second {
		s.after(time.Second).show(used)
		s.patchPool(func(p *licensing.LicensePool) { p.Status.ObservedGeneration = int64(s.revision) })
	}
}

var lost = []trial{
	{name: "a seat is free and somebody waits", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a", "b").login("c").wait("c").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser)
		s.busy(either(fault, 50*time.Second, 70*time.Second), 1)
	}},
	{name: "a seat is free and somebody waits, and nobody is at work", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a", "b").login("c").wait("c").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser)
		if s.after(20*minute).busy(10*time.Second, 1); fault {
			s.busy(time.Minute, 1)
		}
	}},
	{name: "a seat is free and somebody is denied", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a", "b").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser)
		s.busy(2*minute, 1)
		s.login("c").deny("c", either(fault, licensing.ReasonAccountRequired, licensing.ReasonSeatsExhausted))
	}},
	{name: "a seat is free and somebody is denied, and nobody was at work", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a", "b").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser)
		if s.after(20*minute).busy(10*time.Second, 1); fault {
			s.busy(time.Minute, 1)
		}
		s.login("c").deny("c", licensing.ReasonSeatsExhausted)
	}},
	{name: "who came later is served first", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a", "b").login("c").after(time.Second).login("d").wait("c").wait("d").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser)
		s.intend(either(fault, "c", "d"))
	}},
	{name: "who came later is served first, long after the account allowed it", tell: func(s *story, fault bool) {
		s.write(two().Obj()).write(MakeLicenseAccount("c").Pool("p").User("C").Named().Obj()).grant("a", "b").
			login("c").after(time.Second).login("d").wait("c").wait("d").ask("a", licensing.RequesterUser)
		s.account("c", func(a *licensing.LicenseAccount) { a.Spec.Type = licensing.AccountConcurrent })
		s.after(time.Duration(either(fault, 1, 120))*time.Second).end("a", licensing.RequestedByUser)
		s.intend("d")
	}},
	{name: "who came later is served first, though not for want of an account", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a", "b").login("c").after(time.Second).login("d").wait("c").wait("d").ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser)
		account := MakeLicenseAccount("c").Pool("p").User("C").Concurrent()
		if !fault {
			account.Disabled()
		}
		s.write(account.Obj()).intend("d")
	}},
	{name: "who came later is served first, long after another login of the first's user was taken back", tell: func(s *story, fault bool) {
		s.write(two().MaxPerUser(1, licensing.LimitTerminateOldest).Obj()).grant("a", "b").login("c").login("c2", user("c")).after(time.Second).login("d").wait("c").wait("c2").wait("d")
		s.ask("a", licensing.RequesterUser).end("a", licensing.RequestedByUser).remove(MakeUserSession("c").Obj())
		s.after(time.Duration(either(fault, 3, 70)) * time.Second)
		s.intend("d")
	}},
	{name: "a negative count", tell: func(s *story, fault bool) {
		s.write(two().Obj()).show(0).pool(func(p *licensing.LicensePool) { p.Status.Concurrent.Accounts = new(either[int32](fault, 1, -1)) })
	}},
	{name: "more available than licensed less used", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").show(1).pool(func(p *licensing.LicensePool) {
			p.Status.Concurrent.Available, p.Status.Model = new(either[int32](fault, 1, 2)), "Concurrent"
		})
	}},
	{name: "other seats than the spec's of that generation", tell: func(s *story, fault bool) {
		s.write(two().Generation(2).Obj()).show(0).pool(func(p *licensing.LicensePool) {
			p.Status.ObservedGeneration = 1
			p.Status.Concurrent.Licensed, p.Status.Concurrent.Available = new(int32(5)), new(int32(5))
			p.Generation = either[int64](fault, 2, 1)
		})
	}},
	{name: "counts that stay wrong", tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").busy(70*time.Second, either[int32](fault, 1, 2))
	}},
	{name: "counts that are wrong when all is quiet", settle: true, tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").intend().show(either[int32](fault, 1, 0))
	}},
	{name: "a seat that was given and never written", settle: true, tell: func(s *story, fault bool) {
		s.write(two().Obj()).login("a").intend("a").show(1)
		if !fault {
			s.activate("a", concurrent, "a")
		}
	}},
	{name: "somebody who waits for a free seat when all is quiet", settle: true, tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant(either(fault, []string{"a", "b"}, []string{"a"})...).show(either[int32](fault, 2, 1)).login("c").wait("c")
	}},
	{name: "an end that was asked for and never came", settle: true, tell: func(s *story, fault bool) {
		s.write(two().Obj()).grant("a").show(1)
		if s.ask("a", licensing.RequesterUser); !fault {
			s.end("a", licensing.RequestedByUser).show(0)
		}
	}},
	{name: "a named account without a seat that is free", settle: true, tell: func(s *story, fault bool) {
		s.write(MakeLicensePool("p").UID("pool-1").Named(1).Obj()).write(MakeLicenseAccount("x").Pool("p").User("x").Named().Obj())
		if !fault {
			s.license("x").hold("x")
		}
		one := either[int32](fault, 1, 0)
		s.pool(func(p *licensing.LicensePool) {
			p.Status.Named = &licensing.SeatCounts{Licensed: new(int32(1)), Used: &one, Available: new(1 - one), Accounts: new(int32(1)), Connected: new(int32(0))}
		})
	}},
}
