// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

var _ = Describe("The history of a pool's use (A5, A6)", Ordered, func() {
	It("is what the sessions' records say, though the operator is killed and started anew meanwhile", func(ctx SpecContext) {
		ns := namespace(ctx)
		forgetReplicas(ctx)
		operator := startOperator()
		DeferCleanup(func() { operator.stop() })
		create(ctx, MakeLicensePool("p").Namespace(ns).Named(1).Concurrent(4).Obj(), MakeLicenseAccount("ann").Namespace(ns).Pool("p").User("ann").Named().Obj())

		var on []*licensing.UserSession
		signOn := func(user string) {
			s := login(ctx, ns, fmt.Sprintf("%s-%d", user, len(on)), user)
			session(ctx, s, beGranted(licensing.ReasonSeatGranted))
			on = append(on, s)
		}
		signOff := func(s *licensing.UserSession) {
			Expect(api.Get(ctx, client.ObjectKeyFromObject(s), s)).To(Succeed())
			s.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterUser}
			Expect(api.Update(ctx, s)).To(Succeed())
			session(ctx, s, stand(licensing.SessionTerminated, licensing.ReasonTerminated))
		}
		signOn("ann")
		signOn("bob")
		signOn("cid")
		Eventually(func(g Gomega) { g.Expect(historyOf(ctx, g, ns).Through()).NotTo(BeZero()) }, "40s").Should(Succeed())
		signOn("dan")
		signOn("eve")
		session(ctx, login(ctx, ns, "denied", "fay"), beDenied(licensing.ReasonSeatsExhausted))
		full := time.Now()
		Eventually(time.Now).Should(BeTemporally(">", full.Add(2*time.Second))) // levels are those of whole seconds
		signOff(on[1])                                                          // what follows its last write dies with the operator
		operator.kill()
		operator = startOperator()
		signOff(on[2])
		signOn("gil")
		operator.kill()
		operator = startOperator()
		signOff(on[0])
		last := time.Now()

		records := &licensing.UserSessionList{}
		Expect(api.List(ctx, records, client.InNamespace(ns))).To(Succeed())
		Eventually(func(g Gomega) {
			h := historyOf(ctx, g, ns)
			g.Expect(h.Through()).To(BeTemporally(">", last))
			g.Expect(h.Late()).To(BeZero())
			for _, model := range []usage.Model{usage.Named, usage.Concurrent} {
				shown := h.Series(model, usage.Day, time.Now())
				g.Expect(shown.Covered).To(Equal(h.Through().Sub(h.Since())), "a gap")
				seconds, peak, grants := countOf(records.Items, model, h.Since(), h.Through())
				g.Expect(shown.Mean*shown.Covered.Seconds()).To(BeNumerically("~", seconds, 1e-6), "connection-seconds, %s", model)
				g.Expect(shown.Peak).To(Equal(peak), "peak, %s", model)
				g.Expect(shown.Grants).To(Equal(grants), "grants, %s", model)
				g.Expect(shown.Denials).To(HaveKeyWithValue(licensing.ReasonSeatsExhausted, HaveField("Denied", 1)))
			}
		}, "150s", "1s").Should(Succeed())

		object := &licensing.LicenseUsage{}
		Expect(api.Get(ctx, client.ObjectKey{Namespace: ns, Name: "p"}, object)).To(Succeed())
		Expect(object.Status.Peaks).To(HaveValue(Equal(licensing.PeakTable{Named: "1 of 1", Concurrent: "4 of 4"})))
		Expect(object.OwnerReferences).To(BeEmpty(), "it outlives its pool")
	}, NodeTimeout(6*time.Minute))
})

func historyOf(ctx context.Context, g Gomega, ns string) *usage.History {
	object := &licensing.LicenseUsage{}
	g.Expect(api.Get(ctx, client.ObjectKey{Namespace: ns, Name: "p"}, object)).To(Succeed())
	h, err := usage.Decode(object.Status.History)
	g.Expect(err).NotTo(HaveOccurred())
	return h
}

// countOf counts, second by second, the connections of a model by their sessions' records.
func countOf(sessions []licensing.UserSession, model usage.Model, from, to time.Time) (seconds float64, peak, grants int) {
	sessions = slices.DeleteFunc(slices.Clone(sessions), func(s licensing.UserSession) bool {
		return string(s.Status.Seat) != string(model) || s.Status.LogonTime == nil
	})
	for second := from; second.Before(to); second = second.Add(time.Second) {
		open := map[string]bool{}
		for _, s := range sessions {
			if !s.Status.LogonTime.After(second) && (s.Status.TerminatedTime == nil || s.Status.TerminatedTime.After(second)) {
				open[s.Status.Connection] = true
			}
			if s.Status.LogonTime.Time.Equal(second) {
				grants++
			}
		}
		seconds, peak = seconds+float64(len(open)), max(peak, len(open))
	}
	return seconds, peak, grants
}
