// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

var _ = Describe("Seats", Ordered, func() {
	withOperator()
	var ns string
	BeforeEach(func(ctx SpecContext) { ns = namespace(ctx) })

	It("shows the A4 table at each step of a combined pool (A3, A4)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Named(3).Concurrent(2).Obj())
		table(ctx, ns, &row{3, 0, 3, 0, 0}, &row{2, 0, 2, 0, 0})
		Expect(pool(ctx, ns).Status.Model).To(Equal(licensing.ModelCombined))

		named := map[string]*licensing.LicenseAccount{}
		for i := range int32(3) {
			user := fmt.Sprintf("n%d", i+1)
			named[user] = MakeLicenseAccount(user).Namespace(ns).Pool("p").User(user).Named().Obj()
			create(ctx, named[user])
			table(ctx, ns, &row{3, i + 1, 2 - i, i + 1, 0}, &row{2, 0, 2, 0, 0})
		}
		n4 := MakeLicenseAccount("n4").Namespace(ns).Pool("p").User("n4").Named().Obj()
		create(ctx, n4)
		table(ctx, ns, &row{3, 3, 0, 4, 0}, &row{2, 0, 2, 0, 0})
		Eventually(licensed).WithContext(ctx).WithArguments(n4).Should(Equal("False SeatsExhausted"))
		session(ctx, login(ctx, ns, "n4-a", "n4"), beDenied("AccountNotLicensed"))

		n2 := login(ctx, ns, "n2-a", "n2")
		session(ctx, n2, beGranted("SeatGranted"))
		Expect(n2.Status.Seat).To(Equal(licensing.SeatNamed))
		table(ctx, ns, &row{3, 3, 0, 4, 1}, &row{2, 0, 2, 0, 0})

		c1 := login(ctx, ns, "c1-a", "c1")
		session(ctx, c1, beGranted("SeatGranted"))
		table(ctx, ns, &row{3, 3, 0, 4, 1}, &row{2, 1, 1, 1, 1})
		Expect(seatsReason(ctx, ns)).To(Equal("Available"))
		session(ctx, login(ctx, ns, "c2-a", "c2"), beGranted("SeatGranted"))
		table(ctx, ns, &row{3, 3, 0, 4, 1}, &row{2, 2, 0, 2, 2})
		Expect(seatsReason(ctx, ns)).To(Equal("Exhausted"))
		session(ctx, login(ctx, ns, "c3-a", "c3"), beDenied("SeatsExhausted"))
		table(ctx, ns, &row{3, 3, 0, 4, 1}, &row{2, 2, 0, 2, 2})
		logout(ctx, c1)
		table(ctx, ns, &row{3, 3, 0, 4, 1}, &row{2, 1, 1, 2, 1})

		By("freeing a named account's seat")
		Expect(api.Delete(ctx, named["n1"])).To(Succeed())
		Eventually(licensed).WithContext(ctx).WithArguments(n4).Should(Equal("True SeatHeld"))
		table(ctx, ns, &row{3, 3, 0, 3, 1}, &row{2, 1, 1, 2, 1})
		session(ctx, login(ctx, ns, "n4-b", "n4"), beGranted("SeatGranted"))
		table(ctx, ns, &row{3, 3, 0, 3, 2}, &row{2, 1, 1, 2, 1})
	})

	It("keeps a deleted named account's seat taken while its user is on (invariant 1)", func(ctx SpecContext) {
		n1 := MakeLicenseAccount("n1").Namespace(ns).Pool("p").User("n1").Named().Obj()
		n2 := MakeLicenseAccount("n2").Namespace(ns).Pool("p").User("n2").Named().Obj()
		create(ctx, MakeLicensePool("p").Namespace(ns).Named(1).Obj(), n1)
		Eventually(licensed).WithContext(ctx).WithArguments(n1).Should(Equal("True SeatHeld"))
		create(ctx, n2)
		s := login(ctx, ns, "n1-a", "n1")
		session(ctx, s, beGranted("SeatGranted"))
		Expect(api.Delete(ctx, n1)).To(Succeed())
		table(ctx, ns, &row{1, 1, 0, 1, 1}, nil)
		Consistently(licensed).WithContext(ctx).WithArguments(n2).Should(Equal("False SeatsExhausted"))
		logout(ctx, s)
		Eventually(licensed).WithContext(ctx).WithArguments(n2).Should(Equal("True SeatHeld"))
	})

	It("shows N/A for a model the pool lacks, and leaves it out of the status (A4)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(7).Obj())
		table(ctx, ns, nil, &row{7, 0, 7, 0, 0})
		Expect(kubectl(ctx, "get", "pools", "-n", ns, "--no-headers")).To(MatchRegexp(`^p +Concurrent +N/A +N/A +N/A +7 +0 +7 +Available`))
		Expect(kubectl(ctx, "get", "pool", "p", "-n", ns, "-o", "jsonpath={.status.named}")).To(BeEmpty())
	})

	It("counts a user's sessions as one connection (A2)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(2).Obj())
		web := login(ctx, ns, "web", "ann")
		session(ctx, web, beGranted("SeatGranted"))
		desktop, inventory := login(ctx, ns, "desktop", "ann", module("Desktop")), login(ctx, ns, "inventory", "ann", module("NetworkInventory"))
		session(ctx, desktop, beGranted("SeatShared"))
		session(ctx, inventory, beGranted("SeatShared"))
		Expect([]string{desktop.Status.Connection, inventory.Status.Connection}).To(HaveEach(web.Status.Connection))
		table(ctx, ns, nil, &row{2, 1, 1, 1, 1})
	})

	It("counts one a host where the pool says so (A2)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(2).SeatPer(licensing.SeatPerUser, licensing.SeatPerClientHost).Obj())
		session(ctx, login(ctx, ns, "one", "ann", host("alpha")), beGranted("SeatGranted"))
		session(ctx, login(ctx, ns, "same", "ann", host("ALPHA"), module("Desktop")), beGranted("SeatShared"))
		session(ctx, login(ctx, ns, "other", "ann", host("beta")), beGranted("SeatGranted"))
		table(ctx, ns, nil, &row{2, 2, 0, 1, 2})
		session(ctx, login(ctx, ns, "third", "ann", host("gamma")), beDenied("SeatsExhausted"))
	})

	It("lets modules of one group share, and no others (A2)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(3).ModuleGroup("Web", "Desktop").Obj())
		session(ctx, login(ctx, ns, "web", "ann"), beGranted("SeatGranted"))
		session(ctx, login(ctx, ns, "desktop", "ann", module("Desktop")), beGranted("SeatShared"))
		session(ctx, login(ctx, ns, "mobile", "ann", module("Mobile")), beGranted("SeatGranted"))
		table(ctx, ns, nil, &row{3, 2, 1, 1, 2})
	})

	It("leaves a seat to its user while one session stays, however many wait (A2)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj())
		first, second := login(ctx, ns, "first", "ann"), login(ctx, ns, "second", "ann", module("Desktop"))
		session(ctx, first, beGranted("SeatGranted"))
		session(ctx, second, beGranted("SeatShared"))
		waiting := login(ctx, ns, "waiting", "bob", maxWait(time.Minute))
		session(ctx, waiting, bePending("Waiting"))
		logout(ctx, first)
		Consistently(func() licensing.SessionState { session(ctx, waiting, Not(BeNil())); return waiting.Status.State }).
			Should(Equal(licensing.SessionPending))
		table(ctx, ns, nil, &row{1, 1, 0, 1, 1})
		logout(ctx, second)
		session(ctx, waiting, beGranted("SeatGranted"))
	})

	It("takes no seat from anybody when seats are lowered (invariant 2)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(5).Obj())
		for i := range 5 {
			session(ctx, login(ctx, ns, fmt.Sprintf("s%d", i), fmt.Sprintf("u%d", i)), beGranted("SeatGranted"))
		}
		seats(ctx, ns, 3)
		table(ctx, ns, nil, &row{3, 5, 0, 5, 5})
		Expect(seatsReason(ctx, ns)).To(Equal("Overcommitted"))
		Expect(states(ctx, ns)).To(Equal(map[licensing.SessionState]int{licensing.SessionActive: 5}))
		session(ctx, login(ctx, ns, "late", "late"), beDenied("SeatsExhausted"))
		seats(ctx, ns, 6)
		table(ctx, ns, nil, &row{6, 5, 1, 5, 5})
		session(ctx, login(ctx, ns, "later", "later"), beGranted("SeatGranted"))
		Expect(seatsReason(ctx, ns)).To(Equal("Exhausted"))
	})

	It("never counts system logins (C4)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(0).Obj())
		s := login(ctx, ns, "backup", "backup", func(b *UserSessionBuilder) { b.SystemLogin() })
		session(ctx, s, beGranted("SystemLogin"))
		Expect(s.Status.Seat).To(Equal(licensing.SeatUncounted))
		table(ctx, ns, nil, &row{0, 0, 0, 0, 0})
	})

	It("grants within the validity only, and sees it begin", func(ctx SpecContext) {
		begin := time.Now().Add(3 * time.Second).Truncate(time.Second)
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).NotBefore(begin).Obj())
		early := login(ctx, ns, "early", "ann")
		session(ctx, early, beDenied("PoolNotInForce"))
		Expect(time.Now()).To(BeTemporally("<", begin), "denied before the validity began")
		Eventually(func() bool {
			return meta.IsStatusConditionTrue(pool(ctx, ns).Status.Conditions, licensing.ConditionInForce)
		}).Should(BeTrue())
		session(ctx, login(ctx, ns, "intime", "ann"), beGranted("SeatGranted"))
	})

	It("records at a logon what C1 and A7 ask for", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj())
		s := login(ctx, ns, "s", "ann", func(b *UserSessionBuilder) { b.Attribute("desk", "7").Attribute("floor", "2") })
		session(ctx, s, beGranted("SeatGranted"))
		Expect(s.Status.LogonTime.Time).To(BeTemporally("~", time.Now(), 5*time.Second))
		Expect(s.Status.LastActivityTime).To(Equal(s.Status.LogonTime))
		Expect(*s.Status.DurationSeconds).To(BeZero())
		Expect(*s.Status.KeepAlive).To(BeTrue())
		Expect(s.Status.TerminationAction).To(Equal(licensing.NotTerminated))
		Expect(*s.Status.SessionAttributeCount).To(BeEquivalentTo(2))
	})
})

// seats changes the concurrent seats of the pool p.
func seats(ctx SpecContext, ns string, n int32) {
	GinkgoHelper()
	p := pool(ctx, ns)
	before := p.DeepCopy()
	p.Spec.Concurrent.Seats = &n
	Expect(api.Patch(ctx, p, client.MergeFrom(before))).To(Succeed())
}

// licensed is an account's Licensed condition: its status and reason.
func licensed(ctx SpecContext, a *licensing.LicenseAccount) (string, error) {
	if err := api.Get(ctx, client.ObjectKeyFromObject(a), a); err != nil {
		return "", err
	}
	c := meta.FindStatusCondition(a.Status.Conditions, licensing.ConditionLicensed)
	if c == nil {
		return "", nil
	}
	return fmt.Sprintf("%s %s", c.Status, c.Reason), nil
}
