// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

const (
	stormSeats   = 50
	stormLogins  = 200
	stormClients = 32
)

var _ = Describe("A storm of 200 logins by 32 clients at 50 seats", func() {
	var ns string
	BeforeEach(func(ctx SpecContext) {
		ns = namespace(ctx)
	})

	// settled waits until every login has its answer, which must be exactly this.
	settled := func(ctx context.Context) {
		GinkgoHelper()
		Eventually(func() map[licensing.SessionState]int {
			counts := states(ctx, ns)
			delete(counts, "")
			return counts
		}, "120s", "250ms").Should(Equal(map[licensing.SessionState]int{
			licensing.SessionActive: stormSeats, licensing.SessionDenied: stormLogins - stormSeats,
		}))
		table(ctx, ns, nil, &row{stormSeats, stormSeats, 0, stormSeats, stormSeats})
	}

	It("grants exactly 50, and writes the pool far fewer times than 200", func(ctx SpecContext) {
		o := startOperator()
		defer o.stop()
		recorded := record(ctx, ns)
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(stormSeats).Obj())
		table(ctx, ns, nil, &row{stormSeats, 0, stormSeats, 0, 0})
		storm(ctx, ns, 0)
		settled(ctx)
		h := recorded()
		AddReportEntry("pool writes", fmt.Sprintf("%d for %d logins", h.poolWrites, stormLogins), ReportEntryVisibilityAlways)
		Expect(h.poolWrites).To(BeNumerically("<", stormLogins/2))
		Expect(h.mostConnections).To(Equal(stormSeats))
	})

	It("grants exactly 50 though the operator is killed ten times on the way (invariants 1 and 5)", func(ctx SpecContext) {
		recorded := record(ctx, ns)
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(stormSeats).Obj())
		var logins errgroup.Group
		logins.Go(func() error {
			defer GinkgoRecover()
			storm(ctx, ns, 30*time.Millisecond)
			return nil
		})
		o := startOperator()
		for kills := range 10 {
			time.Sleep(100*time.Millisecond + rand.N(900*time.Millisecond)) // somewhere between its start and its last write
			o.kill()
			GinkgoWriter.Printf("kill %d: %v\n", kills+1, states(ctx, ns))
			o = startOperator()
		}
		defer func() { o.stop() }()
		Expect(logins.Wait()).To(Succeed())
		settled(ctx)
		Expect(recorded().mostConnections).To(Equal(stormSeats))
	})

	It("grants exactly 50 with two operators that both believe they lead (invariant 1)", func(ctx SpecContext) {
		one, two := startOperator(), startOperator()
		defer one.stop()
		defer two.stop()
		recorded := record(ctx, ns)
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(stormSeats).Obj())
		storm(ctx, ns, 0)
		settled(ctx)
		Expect(recorded().mostConnections).To(Equal(stormSeats))

		By("going on together: seats that come free are granted again")
		recorded = record(ctx, ns)
		list := &licensing.UserSessionList{}
		Expect(api.List(ctx, list)).To(Succeed())
		left := 0
		for i := range list.Items {
			if s := &list.Items[i]; s.Namespace == ns && s.Status.State == licensing.SessionActive && left < 10 {
				logout(ctx, s)
				left++
			}
		}
		for i := range 10 {
			session(ctx, login(ctx, ns, fmt.Sprintf("next-%d", i), fmt.Sprintf("next-%d", i), maxWait(time.Minute)), beGranted("SeatGranted"))
		}
		Expect(recorded().mostConnections).To(BeNumerically("<=", stormSeats))
	})
})

// storm creates the logins, by as many clients at once, each with a pause between its own.
func storm(ctx context.Context, ns string, pause time.Duration) {
	GinkgoHelper()
	var clients errgroup.Group
	clients.SetLimit(stormClients)
	for i := range stormLogins {
		clients.Go(func() error {
			time.Sleep(rand.N(pause*stormClients + 1))
			return api.Create(ctx, MakeUserSession(fmt.Sprintf("s%d", i)).Namespace(ns).Pool("p").User(fmt.Sprintf("u%d", i)).Obj())
		})
	}
	Expect(clients.Wait()).To(Succeed())
}

// rand8 is a short random name.
func rand8() string { return fmt.Sprintf("%08x", rand.Uint32()) }
