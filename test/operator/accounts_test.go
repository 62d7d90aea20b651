// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

var _ = Describe("Accounts", Ordered, func() {
	withOperator()
	var ns string
	BeforeEach(func(ctx SpecContext) { ns = namespace(ctx) })

	It("takes spellings of one name for one user where case does not matter", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(9).Obj())
		session(ctx, login(ctx, ns, "a", `CORP\Ann`), beGranted("SeatGranted"))
		session(ctx, login(ctx, ns, "b", `corp\ann`), beGranted("SeatShared"))
		session(ctx, login(ctx, ns, "c", "ann@example.com"), beGranted("SeatGranted"))
		table(ctx, ns, nil, &row{9, 2, 7, 2, 2})
		Expect(accounts(ctx, ns)).To(HaveLen(2))
	})

	It("takes them for two where it does", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(9).UserNameCase(licensing.UserNameCaseSensitive).Obj())
		session(ctx, login(ctx, ns, "a", `CORP\Ann`), beGranted("SeatGranted"))
		session(ctx, login(ctx, ns, "b", `corp\ann`), beGranted("SeatGranted"))
		table(ctx, ns, nil, &row{9, 2, 7, 2, 2})
	})

	It("enrolls users whatever their names are made of", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(9).Obj())
		for name, user := range map[string]string{"a": "Ägidius Müller", "b": "李雷", "c": "a,b=c\"d", "d": "..", "e": "--"} {
			session(ctx, login(ctx, ns, name, user), beGranted("SeatGranted"))
		}
		table(ctx, ns, nil, &row{9, 5, 4, 5, 5})
	})

	It("enrolls an unknown user once, however many sessions begin at once", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(9).Obj())
		one := MakeUserSession("one").Namespace(ns).Pool("p").User("ann").FullName("Ann Example").Obj()
		two := MakeUserSession("two").Namespace(ns).Pool("p").User("ANN").Obj()
		create(ctx, one, two)
		session(ctx, one, beGranted("SeatGranted"))
		session(ctx, two, beGranted("SeatShared"))
		found := accounts(ctx, ns)
		Expect(found).To(HaveLen(1))
		Expect(found[0].Spec.UserFullName).To(Equal("Ann Example"))
		Expect(found[0].Spec.Type).To(Equal(licensing.AccountConcurrent))
		Expect(found[0].Labels).To(HaveKey(licensing.LabelEnrolled))
	})

	It("does not enroll who is denied", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(0).Obj())
		session(ctx, login(ctx, ns, "a", "ann"), beDenied("SeatsExhausted"))
		Expect(accounts(ctx, ns)).To(BeEmpty())
	})

	It("counts a user's first account and tells a second one so", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Named(3).Concurrent(3).Obj())
		first := MakeLicenseAccount("first").Namespace(ns).Pool("p").User("ann").Named().Obj()
		create(ctx, first)
		Eventually(licensed).WithContext(ctx).WithArguments(first).Should(Equal("True SeatHeld"))
		second := MakeLicenseAccount("a-second").Namespace(ns).Pool("p").User("Ann").Obj()
		create(ctx, second)
		Eventually(licensed).WithContext(ctx).WithArguments(second).Should(Equal("False DuplicateAccount"))
		table(ctx, ns, &row{3, 1, 2, 1, 0}, &row{3, 0, 3, 0, 0})
		s := login(ctx, ns, "s", "ann")
		session(ctx, s, beGranted("SeatGranted"))
		Expect(s.Status.Seat).To(Equal(licensing.SeatNamed))
		logout(ctx, s)

		By("letting the second count once the first is gone")
		Expect(api.Delete(ctx, first)).To(Succeed())
		Eventually(licensed).WithContext(ctx).WithArguments(second).Should(Equal("True SharesSeats"))
		table(ctx, ns, &row{3, 0, 3, 0, 0}, &row{3, 0, 3, 1, 0})
	})

	It("denies users without an account where enrollment is closed, also right after one was made for them", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(3).AccountsOnly().Obj())
		session(ctx, login(ctx, ns, "a", "ann"), beDenied("AccountRequired"))
		for range 10 { // the account and the session reach the operator by different watches, in either order
			user := "bob" + rand8()
			create(ctx, MakeLicenseAccount(user).Namespace(ns).Pool("p").User(user).Obj())
			s := login(ctx, ns, user, user)
			session(ctx, s, beGranted("SeatGranted"))
			logout(ctx, s)
		}
	})

	It("denies disabled accounts until they are enabled, and leaves their live sessions alone", func(ctx SpecContext) {
		ann := MakeLicenseAccount("ann").Namespace(ns).Pool("p").User("ann").Named().Obj()
		create(ctx, MakeLicensePool("p").Namespace(ns).Named(1).Obj(), ann)
		live := login(ctx, ns, "live", "ann")
		session(ctx, live, beGranted("SeatGranted"))
		disable(ctx, ann, true)
		Eventually(func() int64 {
			Expect(api.Get(ctx, client.ObjectKeyFromObject(ann), ann)).To(Succeed())
			return ann.Status.ObservedGeneration
		}).
			Should(BeEquivalentTo(2))
		session(ctx, login(ctx, ns, "more", "ann"), beDenied("AccountDisabled"))
		session(ctx, live, beGranted("SeatGranted"))
		disable(ctx, ann, false)
		session(ctx, login(ctx, ns, "again", "ann"), beGranted("SeatShared"))
	})

	It("gives a seat up when a named account becomes concurrent, and to the next in line", func(ctx SpecContext) {
		n1 := MakeLicenseAccount("n1").Namespace(ns).Pool("p").User("n1").Named().Obj()
		n2 := MakeLicenseAccount("n2").Namespace(ns).Pool("p").User("n2").Named().Obj()
		create(ctx, MakeLicensePool("p").Namespace(ns).Named(1).Concurrent(1).Obj(), n1)
		Eventually(licensed).WithContext(ctx).WithArguments(n1).Should(Equal("True SeatHeld"))
		create(ctx, n2)
		Eventually(licensed).WithContext(ctx).WithArguments(n2).Should(Equal("False SeatsExhausted"))
		before := n1.DeepCopy()
		n1.Spec.Type = licensing.AccountConcurrent
		Expect(api.Patch(ctx, n1, client.MergeFrom(before))).To(Succeed())
		Eventually(licensed).WithContext(ctx).WithArguments(n1).Should(Equal("True SharesSeats"))
		Eventually(licensed).WithContext(ctx).WithArguments(n2).Should(Equal("True SeatHeld"))
		table(ctx, ns, &row{1, 1, 0, 1, 0}, &row{1, 0, 1, 1, 0})
	})

	It("denies an account whose model the pool lacks", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj(),
			MakeLicenseAccount("n").Namespace(ns).Pool("p").User("n").Named().Obj())
		session(ctx, login(ctx, ns, "n", "n"), beDenied("ModelNotLicensed"))
	})
})

func disable(ctx SpecContext, a *licensing.LicenseAccount, disabled bool) {
	GinkgoHelper()
	Expect(api.Get(ctx, client.ObjectKeyFromObject(a), a)).To(Succeed())
	before := a.DeepCopy()
	a.Spec.Disabled = disabled
	Expect(api.Patch(ctx, a, client.MergeFrom(before))).To(Succeed())
}
