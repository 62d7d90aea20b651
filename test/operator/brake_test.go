// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

var _ = Describe("When most of a pool's clients fall silent at once (invariant 4)", Ordered, func() {
	withOperator()
	var ns string
	var all []*licensing.UserSession
	BeforeEach(func(ctx SpecContext) {
		ns, all = namespace(ctx), nil
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(50).HeartbeatInterval(5*time.Second).LostAfter(60*time.Second).Obj())
		for i := range 50 {
			s := MakeUserSession(fmt.Sprintf("s%02d", i)).Namespace(ns).Pool("p").User(fmt.Sprintf("u%d", i)).Obj()
			create(ctx, s)
			all = append(all, s)
		}
		table(ctx, ns, nil, &row{50, 50, 0, 50, 50})
	})

	// heard records when each of some clients was last heard.
	heard := func(ctx context.Context, sessions []*licensing.UserSession, ago func(i int) time.Duration) {
		GinkgoHelper()
		var group errgroup.Group
		group.SetLimit(16)
		for i, s := range sessions {
			group.Go(func() error {
				defer GinkgoRecover()
				report(ctx, s, func(st *licensing.UserSessionStatus) {
					st.LastHeartbeatTime = new(metav1.NewTime(time.Now().Add(-ago(i))))
				})
				return nil
			})
		}
		Expect(group.Wait()).To(Succeed())
	}
	justNow := func(int) time.Duration { return 0 }
	expiryHeld := func(ctx context.Context) string {
		c := meta.FindStatusCondition(pool(ctx, ns).Status.Conditions, licensing.ConditionExpiryHeld)
		return fmt.Sprintf("%s %s", c.Status, c.Reason)
	}
	active := func(ctx context.Context) int { return states(ctx, ns)[licensing.SessionActive] }

	It("holds their sessions and says so, until they are heard again", func(ctx SpecContext) {
		heard(ctx, all[40:], justNow)
		heard(ctx, all[:40], func(i int) time.Duration { return 58*time.Second - time.Duration(i%10)*100*time.Millisecond })
		Eventually(expiryHeld).WithContext(ctx).Should(Equal("True ClientsSilent"))
		Expect(pool(ctx, ns).Status.ExpiryHold.SinceTime.Time).To(BeTemporally("~", time.Now(), 5*time.Second))
		Consistently(active, "4s").WithContext(ctx).Should(Equal(50))
		Eventually(func() []string { return eventReasons(ctx, ns, "p") }).Should(ContainElement("Warning ClientsSilent"))
		Eventually(func() string { // for two heartbeats
			heard(ctx, all, justNow)
			return expiryHeld(ctx)
		}, "30s", "2s").Should(Equal("False Released"))
		Consistently(active).WithContext(ctx).Should(Equal(50))
	})

	It("lets them end when an administrator releases it, at a bounded rate", func(ctx SpecContext) {
		heard(ctx, all[40:], justNow)
		heard(ctx, all[:40], func(int) time.Duration { return 60 * time.Second })
		Eventually(expiryHeld).WithContext(ctx).Should(Equal("True ClientsSilent"))
		released := time.Now()
		kubectl(ctx, "annotate", "pool", "p", "-n", ns, licensing.AnnotationReleaseExpiry+"="+released.Add(time.Second).UTC().Format(time.RFC3339))
		Eventually(expiryHeld).WithContext(ctx).Should(Equal("False Released"))
		Eventually(active).WithContext(ctx).Should(Equal(10))
		Expect(time.Since(released)).To(BeNumerically(">", 3*time.Second))
	})

	It("ends those of a few, of many over time, and of clients that beat without doing anything, as they are due", func(ctx SpecContext) {
		By("10 of 50")
		heard(ctx, all[10:], justNow)
		heard(ctx, all[:10], func(int) time.Duration { return 60 * time.Second })
		Eventually(active).WithContext(ctx).Should(Equal(40))
		By("30 of the 40 left, spread over ten minutes")
		heard(ctx, all[40:], justNow)
		heard(ctx, all[10:40], func(i int) time.Duration { return time.Minute + time.Duration(i)*20*time.Second })
		Eventually(active).WithContext(ctx).Should(Equal(10))
		By("all the 10 left, who beat and do nothing")
		change(ctx, ns, func(p *licensing.LicensePool) { p.Spec.Sessions.IdleTimeoutSeconds = new(int32(60)) })
		for _, s := range all[40:] {
			report(ctx, s, func(st *licensing.UserSessionStatus) {
				st.LastHeartbeatTime, st.LastActivityTime = new(metav1.Now()), new(metav1.NewTime(time.Now().Add(-time.Minute)))
			})
		}
		Eventually(active).WithContext(ctx).Should(Equal(0))
		Expect(expiryHeld(ctx)).To(Equal("False ClientsHeard"))
	})
})
