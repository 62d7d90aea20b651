// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// A minute is the shortest idle timeout that a pool may have. So that specs need not wait for one, they record a user's last activity as a gateway does:
// in the session's status, as if the user had been away for a while.

var _ = Describe("A session's life", Ordered, func() {
	withOperator()
	var ns string
	BeforeEach(func(ctx SpecContext) { ns = namespace(ctx) })

	It("ends a concurrent session at its idle deadline, passes its seat on at once, and leaves the named one alone (A10, C6)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Named(1).Concurrent(1).IdleTimeout(time.Minute).Obj(),
			MakeLicenseAccount("n").Namespace(ns).Pool("p").User("n").Named().Obj())
		named, idle := login(ctx, ns, "named", "n"), login(ctx, ns, "idle", "ann")
		session(ctx, named, beGranted("SeatGranted"))
		session(ctx, idle, beGranted("SeatGranted"))
		Expect(named.Status.TimeoutTime).To(BeNil())
		Expect(idle.Status.TimeoutTime.Time).To(Equal(idle.Status.LastActivityTime.Add(time.Minute)))
		waiting := login(ctx, ns, "waiting", "bob", maxWait(5*time.Minute))
		session(ctx, waiting, bePending("Waiting"))

		deadline := time.Now().Add(4 * time.Second).Truncate(time.Second)
		away(ctx, named, time.Hour)
		activity(ctx, idle, deadline.Add(-time.Minute))
		session(ctx, idle, beEnded(licensing.ExpiredSessionTerminated))
		Expect(idle.Status.TerminatedTime.Time).To(BeTemporally("~", deadline, time.Second))
		Expect(idle.Status.Message).To(HavePrefix("The session was idle for 1m0s, since "))
		session(ctx, waiting, beGranted("SeatGranted"))
		Expect(waiting.Status.LogonTime.Time).To(BeTemporally("~", idle.Status.TerminatedTime.Time, time.Second))
		session(ctx, named, beGranted("SeatGranted"))
		Eventually(func() []string { return eventsOf(ctx, ns, "idle") }).
			Should(ContainElement(And(HavePrefix("ExpiredSessionTerminated"), ContainSubstring("in pool p"))))
	})

	It("moves the deadline with activity, to the last second, and with none that comes after the end (invariants 3 and 4)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).IdleTimeout(time.Minute).Obj())
		s := login(ctx, ns, "s", "ann")
		session(ctx, s, beGranted("SeatGranted"))
		deadline := time.Now().Add(4 * time.Second).Truncate(time.Second)
		activity(ctx, s, deadline.Add(-time.Minute))
		time.Sleep(time.Until(deadline.Add(-time.Second)))
		activity(ctx, s, deadline.Add(5*time.Second-time.Minute))
		session(ctx, s, beEnded(licensing.ExpiredSessionTerminated))
		Expect(s.Status.TerminatedTime.Time).To(BeTemporally("~", deadline.Add(5*time.Second), time.Second))

		before := s.DeepCopy()
		s.Status.State = licensing.SessionActive
		Expect(api.Status().Patch(ctx, s, client.MergeFrom(before))).To(MatchError(ContainSubstring("may not change once it is")))
	})

	It("never ends sessions of a pool without an idle timeout; applies one to live sessions from their last activity; and takes it back", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(2).Obj())
		s, other := login(ctx, ns, "s", "ann"), login(ctx, ns, "other", "bob")
		session(ctx, s, beGranted("SeatGranted"))
		session(ctx, other, beGranted("SeatGranted"))
		away(ctx, s, 10*time.Minute)
		Consistently(func() licensing.SessionState { return stateOf(ctx, s) }).Should(Equal(licensing.SessionActive))
		change(ctx, ns, func(p *licensing.LicensePool) { p.Spec.Sessions.IdleTimeoutSeconds = new(int32(1200)) })
		Eventually(func() *metav1.Time { stateOf(ctx, s); return s.Status.TimeoutTime }).ShouldNot(BeNil())
		Expect(s.Status.TimeoutTime.Time).To(Equal(s.Status.LastActivityTime.Add(20 * time.Minute)))
		change(ctx, ns, func(p *licensing.LicensePool) { p.Spec.Sessions.IdleTimeoutSeconds = nil })
		Eventually(func() *metav1.Time { stateOf(ctx, s); return s.Status.TimeoutTime }).Should(BeNil())
		change(ctx, ns, func(p *licensing.LicensePool) { p.Spec.Sessions.IdleTimeoutSeconds = new(int32(300)) })
		session(ctx, s, beEnded(licensing.ExpiredSessionTerminated))
		session(ctx, other, beGranted("SeatGranted"))
	})

	It("gives unsaved work the longer period, and ends it with the work saved (B8)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).IdleTimeout(time.Minute).UnsavedWorkTimeout(time.Hour).Obj())
		s := login(ctx, ns, "s", "ann")
		session(ctx, s, beGranted("SeatGranted"))
		report(ctx, s, func(st *licensing.UserSessionStatus) {
			st.UnsavedWork, st.LastActivityTime = true, new(metav1.NewTime(time.Now().Add(-10*time.Minute)))
		})
		Eventually(func() time.Time { stateOf(ctx, s); return s.Status.TimeoutTime.Time }).
			Should(BeTemporally("~", time.Now().Add(50*time.Minute), 3*time.Second))
		Expect(*s.Status.KeepAlive).To(BeTrue())
		report(ctx, s, func(st *licensing.UserSessionStatus) { st.UnsavedWork = false })
		session(ctx, s, beEnded(licensing.ExpiredSessionTerminated))
	})

	It("asks users of the pool's prompt modules first, and nobody else (A11)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(2).IdleTimeout(10*time.Minute).Prompt(time.Minute, "Web").Obj())
		web, desktop := login(ctx, ns, "web", "ann"), login(ctx, ns, "desktop", "bob", module("Desktop"))
		for _, s := range []*licensing.UserSession{web, desktop} {
			session(ctx, s, beGranted("SeatGranted"))
			away(ctx, s, 9*time.Minute+30*time.Second)
		}
		Eventually(func() bool { return prompted(ctx, web) }).Should(BeTrue())
		Expect(prompted(ctx, desktop)).To(BeFalse())
		By("an answer, which is activity like any other")
		activity(ctx, web, time.Now())
		Eventually(func() bool { return prompted(ctx, web) }).Should(BeFalse())
		Expect(web.Status.TimeoutTime.Time).To(BeTemporally("~", time.Now().Add(10*time.Minute), 5*time.Second))
		away(ctx, web, 11*time.Minute)
		session(ctx, web, beEnded(licensing.ExpiredSessionTerminated))
	})

	It("ends sessions whose client is lost, whatever their seat, and none that never sent a heartbeat", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Named(1).Concurrent(1).HeartbeatInterval(5*time.Second).LostAfter(10*time.Second).Obj(),
			MakeLicenseAccount("n").Namespace(ns).Pool("p").User("n").Named().Obj())
		lost, kept := login(ctx, ns, "lost", "n"), login(ctx, ns, "kept", "ann")
		session(ctx, lost, beGranted("SeatGranted"))
		session(ctx, kept, beGranted("SeatGranted"))
		away(ctx, kept, time.Hour)
		report(ctx, lost, func(st *licensing.UserSessionStatus) {
			st.LastHeartbeatTime = new(metav1.NewTime(time.Now().Add(-20 * time.Second)))
		})
		session(ctx, lost, beEnded(licensing.ExpiredSessionTerminated))
		Expect(lost.Status.Message).To(HavePrefix("The client was not heard of for 10s, since "))
		session(ctx, kept, beGranted("SeatGranted"))
	})

	It("ends a user's oldest session for a new one, or denies that, as the pool says", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(5).MaxPerUser(3, licensing.LimitTerminateOldest).Obj())
		var all []*licensing.UserSession
		for i := range 4 {
			s := login(ctx, ns, fmt.Sprintf("s%d", i), "ann", module(licensing.ModuleName(fmt.Sprintf("M%d", i))))
			all = append(all, s)
			if i == 0 {
				session(ctx, s, beGranted("SeatGranted"))
			} else {
				session(ctx, s, beGranted("SeatShared"))
			}
		}
		session(ctx, all[0], beEnded(licensing.OldestSessionTerminated))
		Expect(all[0].Status.TerminatedTime.Time).NotTo(BeTemporally(">", all[3].Status.LogonTime.Time))
		session(ctx, login(ctx, ns, "system", "ann", func(b *UserSessionBuilder) { b.SystemLogin() }), beGranted("SystemLogin"))
		session(ctx, all[1], beGranted("SeatShared"))
		change(ctx, ns, func(p *licensing.LicensePool) { p.Spec.Sessions.MaxPerUser.WhenExceeded = licensing.LimitDeny })
		session(ctx, login(ctx, ns, "fifth", "ann"), beDenied("UserLimitReached"))
		session(ctx, login(ctx, ns, "bob", "bob"), beGranted("SeatGranted"))
	})

	DescribeTable("ends a session that is asked to end, with who asked and why (A9, C5)",
		func(ctx SpecContext, by licensing.Requester, action licensing.TerminationAction) {
			create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj())
			s := login(ctx, ns, "s", "ann")
			session(ctx, s, beGranted("SeatGranted"))
			waiting := login(ctx, ns, "waiting", "bob", maxWait(time.Minute))
			session(ctx, waiting, bePending("Waiting"))
			for _, end := range []*licensing.UserSession{waiting, s} { // one that waits leaves the queue
				before := end.DeepCopy()
				end.Spec.Termination = &licensing.Termination{RequestedBy: by, Message: "maintenance at noon"}
				Expect(api.Patch(ctx, end, client.MergeFrom(before))).To(Succeed())
				session(ctx, end, beEnded(action))
				Expect(end.Status.Message).To(Equal("maintenance at noon"))
			}
			table(ctx, ns, nil, &row{1, 0, 1, 1, 0})
		},
		Entry("the user", licensing.RequesterUser, licensing.RequestedByUser),
		Entry("an administrator", licensing.RequesterAdministrator, licensing.RequestedByAdministrator),
		Entry("the system", licensing.RequesterSystem, licensing.TerminatedBySystem),
	)

	It("records the end of 100 sessions that are deleted at once, and frees their seats (C8)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(100).Obj())
		for i := range 100 {
			create(ctx, MakeUserSession(fmt.Sprintf("s%d", i)).Namespace(ns).Pool("p").User(fmt.Sprintf("u%d", i)).Label("shift", "night").Obj())
		}
		table(ctx, ns, nil, &row{100, 100, 0, 100, 100})
		kubectl(ctx, "delete", "usessions", "-n", ns, "-l", "shift=night")
		last := time.Now()
		table(ctx, ns, nil, &row{100, 0, 100, 100, 0})
		Expect(time.Since(last)).To(BeNumerically("<", time.Second))
		Eventually(func() int {
			ended := 0
			for i := range 100 {
				for _, e := range eventsOf(ctx, ns, fmt.Sprintf("s%d", i)) {
					if e[:len("RequestedByAdministrator")] == "RequestedByAdministrator" {
						ended++
					}
				}
			}
			return ended
		}, "30s", "1s").Should(Equal(100))
	})

	It("clears records after the pool's retention, and not before (C7)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(0).Retention(3*time.Second).Obj())
		s := login(ctx, ns, "s", "ann")
		session(ctx, s, beDenied("SeatsExhausted"))
		ended := s.Status.TerminatedTime.Time
		Eventually(func() bool { return apierrors.IsNotFound(api.Get(ctx, client.ObjectKeyFromObject(s), s)) }).Should(BeTrue())
		Expect(time.Now()).To(BeTemporally("~", ended.Add(3*time.Second), 1500*time.Millisecond))
	})
})

var _ = Describe("After a stop of the operator", func() {
	It("lets clients be heard again before it ends anybody, however long it was down (invariant 2)", func(ctx SpecContext) {
		ns := namespace(ctx)
		forgetReplicas(ctx)
		o := startOperator()
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(2).IdleTimeout(time.Minute).HeartbeatInterval(5*time.Second).LostAfter(30*time.Second).Obj())
		active, gone := login(ctx, ns, "active", "ann"), login(ctx, ns, "gone", "bob")
		session(ctx, active, beGranted("SeatGranted"))
		session(ctx, gone, beGranted("SeatGranted"))
		o.kill()
		for _, s := range []*licensing.UserSession{active, gone} { // as after twice the idle timeout
			report(ctx, s, func(st *licensing.UserSessionStatus) {
				st.LastActivityTime = new(metav1.NewTime(time.Now().Add(-2 * time.Minute)))
				st.LastHeartbeatTime = st.LastActivityTime
			})
		}
		o = startOperator()
		defer func() { o.stop() }()
		began := time.Now()
		time.Sleep(3 * time.Second) // within the adoption window of two heartbeats the client is heard, and its activity written
		Expect(states(ctx, ns)).To(Equal(map[licensing.SessionState]int{licensing.SessionActive: 2}))
		report(ctx, active, func(st *licensing.UserSessionStatus) {
			st.LastHeartbeatTime = new(metav1.NewTime(time.Now().Add(2 * time.Minute))) // and goes on
			st.LastActivityTime = st.LastHeartbeatTime
		})
		// The killed replica might have heard clients; they would be heard by another within its grace: 30 s and three heartbeats from when it last renewed its lease.
		Eventually(func() licensing.SessionState { return stateOf(ctx, gone) }, "90s", "200ms").Should(Equal(licensing.SessionTerminated))
		Expect(gone.Status.TerminationAction).To(Equal(licensing.ExpiredSessionTerminated))
		Expect(time.Since(began)).To(BeNumerically(">", 10*time.Second))
		session(ctx, active, beGranted("SeatGranted"))
	})
})

var _ = Describe("A pool that is removed for good", func() {
	It("ends its sessions after the grace period, and says so (invariant 2)", func(ctx SpecContext) {
		ns := namespace(ctx)
		o := startOperator("--pool-removal-grace=2s")
		defer o.stop()
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj())
		s := login(ctx, ns, "s", "ann")
		session(ctx, s, beGranted("SeatGranted"))
		removed := time.Now()
		Expect(api.Delete(ctx, pool(ctx, ns))).To(Succeed())
		session(ctx, s, beEnded(licensing.TerminatedBySystem))
		Expect(s.Status.TerminatedTime.Time).To(BeTemporally("~", removed.Add(2*time.Second), 1500*time.Millisecond))
		Expect(s.Status.Message).To(Equal("Its pool was removed."))
	})
})

// report writes to a session's status what a gateway would.
func report(ctx context.Context, s *licensing.UserSession, what func(*licensing.UserSessionStatus)) {
	GinkgoHelper()
	Expect(api.Get(ctx, client.ObjectKeyFromObject(s), s)).To(Succeed())
	before := s.DeepCopy()
	what(&s.Status)
	Expect(api.Status().Patch(ctx, s, client.MergeFrom(before))).To(Succeed())
}

// activity records when a session's user last did something.
func activity(ctx context.Context, s *licensing.UserSession, at time.Time) {
	GinkgoHelper()
	report(ctx, s, func(st *licensing.UserSessionStatus) { st.LastActivityTime = new(metav1.NewTime(at)) })
}

// away records that a session's user has been away for some time.
func away(ctx context.Context, s *licensing.UserSession, since time.Duration) {
	GinkgoHelper()
	activity(ctx, s, time.Now().Add(-since))
}

func beEnded(action licensing.TerminationAction) types.GomegaMatcher {
	return WithTransform(func(s *licensing.UserSession) string {
		return fmt.Sprintf("%s %s", s.Status.State, s.Status.TerminationAction)
	}, Equal(fmt.Sprintf("%s %s", licensing.SessionTerminated, action)))
}

func stateOf(ctx context.Context, s *licensing.UserSession) licensing.SessionState {
	GinkgoHelper()
	Expect(api.Get(ctx, client.ObjectKeyFromObject(s), s)).To(Succeed())
	return s.Status.State
}

func prompted(ctx context.Context, s *licensing.UserSession) bool {
	GinkgoHelper()
	stateOf(ctx, s)
	return meta.IsStatusConditionTrue(s.Status.Conditions, licensing.ConditionPrompt)
}

// change edits the pool p's spec.
func change(ctx context.Context, ns string, edit func(*licensing.LicensePool)) {
	GinkgoHelper()
	p := pool(ctx, ns)
	before := p.DeepCopy()
	edit(p)
	Expect(api.Patch(ctx, p, client.MergeFrom(before))).To(Succeed())
}

// eventsOf lists the reason and note of each Event that regards a session.
func eventsOf(ctx context.Context, ns, name string) []string {
	GinkgoHelper()
	list := &eventsv1.EventList{}
	Expect(api.List(ctx, list, client.InNamespace(ns), client.MatchingFields{"regarding.name": name})).To(Succeed())
	var all []string
	for _, e := range list.Items {
		all = append(all, e.Reason+" "+e.Note)
	}
	return all
}
