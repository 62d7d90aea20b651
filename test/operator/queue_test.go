// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

var _ = Describe("The queue", Ordered, func() {
	var o *operator
	BeforeAll(func() { o = startOperator() })
	AfterAll(func() { o.stop() })
	var ns string
	BeforeEach(func(ctx SpecContext) { ns = namespace(ctx) })

	It("gives seats that come free to those who wait, in the order they came", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj())
		holder := login(ctx, ns, "holder", "holder")
		session(ctx, holder, beGranted("SeatGranted"))
		var waiting []*licensing.UserSession
		for _, user := range []string{"zoe", "max", "ann"} { // within one second, and not in the order of their names
			waiting = append(waiting, login(ctx, ns, user, user, maxWait(5*time.Minute)))
		}
		for _, s := range waiting {
			session(ctx, s, bePending("Waiting"))
			Expect(s.Status.WaitUntilTime.Time).To(BeTemporally("~", time.Now().Add(5*time.Minute), 10*time.Second))
		}
		for i, s := range waiting {
			if i == 1 { // a new operator knows the order as well
				o.kill()
				o = startOperator()
			}
			logout(ctx, holder)
			session(ctx, s, beGranted("SeatGranted"))
			for _, later := range waiting[i+1:] {
				session(ctx, later, bePending("Waiting"))
			}
			holder = s
		}
	})

	It("denies one whose time runs out", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(0).Obj())
		s := login(ctx, ns, "s", "ann", maxWait(2*time.Second))
		session(ctx, s, bePending("Waiting"))
		until := s.Status.WaitUntilTime.Time
		session(ctx, s, beDenied("WaitExpired"))
		Expect(s.Status.TerminatedTime.Time).To(BeTemporally("~", until, time.Second))
	})

	It("takes a waiter in when seats are bought", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(0).Obj())
		for i := range 3 {
			session(ctx, login(ctx, ns, fmt.Sprintf("s%d", i), fmt.Sprintf("u%d", i), maxWait(time.Minute)), bePending("Waiting"))
		}
		seats(ctx, ns, 3)
		Eventually(func() int { return states(ctx, ns)[licensing.SessionActive] }).Should(Equal(3))
	})
})
