// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history_test

import (
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/history"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// story is a small history in the making: what is written gets the next revision, and is seen at once.
type story struct {
	revision uint64
	now      time.Time
	entries  []history.Entry
	objects  map[string]client.Object // as they are, by kind and name
}

var morning = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func newStory() *story {
	return &story{revision: 100, now: morning, objects: map[string]client.Object{}, entries: []history.Entry{{Type: history.Began, Revision: 100, Seen: morning}}}
}

// after lets time pass, which is noted down.
func (s *story) after(d time.Duration) *story {
	s.now = s.now.Add(d)
	s.entries = append(s.entries, history.Entry{Type: history.Marked, Revision: s.revision, Seen: s.now})
	return s
}

func key(o client.Object) string { return fmt.Sprintf("%T %s", o, o.GetName()) }

// write writes an object as it is to be.
func (s *story) write(o client.Object) *story {
	o = o.DeepCopyObject().(client.Object)
	s.revision++
	t := history.Added
	if old, ok := s.objects[key(o)]; ok {
		t = history.Modified
		o.SetUID(old.GetUID())
		o.SetCreationTimestamp(old.GetCreationTimestamp())
	} else {
		if o.GetUID() == "" {
			o.SetUID(types.UID(o.GetName()))
		}
		o.SetCreationTimestamp(metav1.NewTime(s.now))
	}
	o.SetResourceVersion(strconv.FormatUint(s.revision, 10))
	s.objects[key(o)] = o
	s.entries = append(s.entries, history.Entry{Type: t, Revision: s.revision, Seen: s.now, Object: o})
	return s
}

// remove deletes an object.
func (s *story) remove(o client.Object) *story {
	s.revision++
	o = s.objects[key(o)].DeepCopyObject().(client.Object)
	o.SetResourceVersion(strconv.FormatUint(s.revision, 10))
	delete(s.objects, key(o))
	s.entries = append(s.entries, history.Entry{Type: history.Deleted, Revision: s.revision, Seen: s.now, Object: o})
	return s
}

// pool changes the pool p.
func (s *story) pool(change func(*licensing.LicensePool)) *story {
	p := s.objects[key(MakeLicensePool("p").Obj())].DeepCopyObject().(*licensing.LicensePool)
	change(p)
	return s.write(p)
}

// session changes a session.
func (s *story) session(name string, change func(*licensing.UserSession)) *story {
	session := s.objects[key(MakeUserSession(name).Obj())].DeepCopyObject().(*licensing.UserSession)
	change(session)
	return s.write(session)
}

// account changes an account.
func (s *story) account(name string, change func(*licensing.LicenseAccount)) {
	a := s.objects[key(MakeLicenseAccount(name).Obj())].DeepCopyObject().(*licensing.LicenseAccount)
	change(a)
	s.write(a)
}

// login creates a session of the user of that name.
func (s *story) login(name string, more ...func(*UserSessionBuilder)) *story {
	b := MakeUserSession(name).Pool("p").User(name)
	for _, m := range more {
		m(b)
	}
	return s.write(b.Obj())
}

func user(name string) func(*UserSessionBuilder) { return func(b *UserSessionBuilder) { b.User(name) } }

// intend records seats on the pool for sessions that open connections of their own; those that are carried out are left out.
func (s *story) intend(names ...string) *story { return s.intendAs(licensing.SeatConcurrent, names...) }

func (s *story) intendAs(seat licensing.SeatType, names ...string) *story {
	return s.pool(func(p *licensing.LicensePool) {
		p.Status.Grants = &licensing.GrantLog{Term: "t", SessionsFenced: true}
		for _, n := range names {
			p.Status.Grants.Intents = append(p.Status.Grants.Intents, licensing.GrantIntent{Kind: "UserSession", Name: n, UID: types.UID(n), Seat: seat, Connection: n})
		}
	})
}

// join records that sessions join a connection.
func (s *story) join(connection string, names ...string) *story {
	return s.intend(names...).patchPool(func(p *licensing.LicensePool) {
		for i := range p.Status.Grants.Intents {
			p.Status.Grants.Intents[i].Connection = connection
		}
	})
}

// patchPool changes the pool within its last write.
func (s *story) patchPool(change func(*licensing.LicensePool)) *story {
	change(s.entries[len(s.entries)-1].Object.(*licensing.LicensePool))
	return s
}

// license records named seats for accounts.
func (s *story) license(names ...string) *story {
	return s.pool(func(p *licensing.LicensePool) {
		p.Status.Grants = &licensing.GrantLog{Term: "t", SessionsFenced: true}
		for _, n := range names {
			p.Status.Grants.Intents = append(p.Status.Grants.Intents, licensing.GrantIntent{Kind: "LicenseAccount", Name: n, UID: types.UID(n), Seat: licensing.SeatNamed})
		}
	})
}

// hold writes to accounts that they hold a named seat.
func (s *story) hold(names ...string) *story {
	for _, n := range names {
		s.account(n, func(a *licensing.LicenseAccount) {
			a.Status = MakeLicenseAccount("").Licensed(metav1.ConditionTrue, licensing.ReasonSeatHeld).Obj().Status
		})
	}
	return s
}

// activate makes a session Active with the seat of a connection.
func (s *story) activate(name string, seat licensing.SeatType, connection string) *story {
	return s.session(name, func(o *licensing.UserSession) {
		o.Status = MakeUserSession("").Active(seat, connection, s.now).Obj().Status
	})
}

// grant gives each of these users a concurrent seat, as the protocol says.
func (s *story) grant(names ...string) *story {
	for _, n := range names {
		s.login(n)
	}
	s.intend(names...)
	for _, n := range names {
		s.activate(n, licensing.SeatConcurrent, n)
	}
	return s
}

// end ends a session now.
func (s *story) end(name string, action licensing.TerminationAction) *story {
	return s.session(name, func(o *licensing.UserSession) { ended(o, action, s.now) })
}

func ended(o *licensing.UserSession, action licensing.TerminationAction, at time.Time) {
	last := MakeUserSession("").Terminated(action, at).Message("Because.").Obj().Status
	o.Status.State, o.Status.TerminatedTime, o.Status.TerminationAction = last.State, last.TerminatedTime, last.TerminationAction
	o.Status.Conditions, o.Status.Message = last.Conditions, last.Message
}

// ask asks for a session's end.
func (s *story) ask(name string, by licensing.Requester) *story {
	return s.session(name, func(o *licensing.UserSession) { o.Spec.Termination = &licensing.Termination{RequestedBy: by} })
}

// wait lets a session begin to wait for up to an hour.
func (s *story) wait(name string) *story {
	return s.session(name, func(o *licensing.UserSession) {
		revision := o.ResourceVersion
		o.Status = MakeUserSession("").Waiting(s.now.Add(time.Hour)).ArrivalRevision(revision).Obj().Status
	})
}

// deny denies a session for that reason.
func (s *story) deny(name, reason string) {
	s.session(name, func(o *licensing.UserSession) {
		o.Status = MakeUserSession("").Denied(reason, s.now).Message("All seats are taken.").Obj().Status
	})
}

// show writes counts of concurrent seats to the pool.
func (s *story) show(used int32) *story {
	return s.pool(func(p *licensing.LicensePool) {
		licensed := *p.Spec.Concurrent.Seats
		p.Status.ObservedGeneration = p.Generation
		p.Status.Concurrent = &licensing.SeatCounts{Licensed: &licensed, Used: &used, Available: new(max(0, licensed-used)), Accounts: new(int32(0)), Connected: &used}
		p.Annotations = map[string]string{"written": strconv.FormatUint(s.revision, 10)}
	})
}

// check feeds the story to a checker.
func (s *story) check(t fataler, opts history.Options, settle bool) *history.Checker {
	t.Helper()
	c := history.NewChecker(opts)
	for _, e := range s.entries {
		if err := c.Feed(e); err != nil {
			t.Fatal(err)
		}
	}
	if settle {
		c.Settle()
	}
	return c
}

// event tells of a session's end by an Event.
func (s *story) event(session string, reason licensing.TerminationAction) *story {
	return s.write(&eventsv1.Event{TypeMeta: metav1.TypeMeta{APIVersion: "events.k8s.io/v1", Kind: "Event"}, ObjectMeta: metav1.ObjectMeta{Name: session + "." + string(reason), Namespace: DefaultNamespace}, Reason: string(reason), Action: "EndSession",
		Regarding: corev1.ObjectReference{Kind: "UserSession", Name: session, UID: types.UID(session)}})
}

// fataler is a test, or a check of a property.
type fataler interface {
	Helper()
	Fatal(args ...any)
}
