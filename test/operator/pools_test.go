// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

var _ = Describe("Pools", Ordered, func() {
	withOperator()
	var ns string
	BeforeEach(func(ctx SpecContext) { ns = namespace(ctx) })

	It("keeps everybody on while a pool is deleted and applied again (invariant 2)", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Named(1).Concurrent(10).Obj(),
			MakeLicenseAccount("n1").Namespace(ns).Pool("p").User("n1").Named().Obj())
		for i := range 10 {
			session(ctx, login(ctx, ns, fmt.Sprintf("s%d", i), fmt.Sprintf("u%d", i)), beGranted("SeatGranted"))
		}
		table(ctx, ns, &row{1, 1, 0, 1, 0}, &row{10, 10, 0, 10, 10})
		waiting := login(ctx, ns, "waiting", "late", maxWait(time.Minute))
		session(ctx, waiting, bePending("Waiting"))
		for range 3 { // at once, after a moment, and after the operator has seen that it is gone
			Expect(api.Delete(ctx, pool(ctx, ns))).To(Succeed())
			create(ctx, MakeLicensePool("p").Namespace(ns).Named(1).Concurrent(10).Obj())
			table(ctx, ns, &row{1, 1, 0, 1, 0}, &row{10, 10, 0, 10, 10})
		}
		Expect(api.Delete(ctx, pool(ctx, ns))).To(Succeed())
		session(ctx, waiting, bePending("PoolNotFound"))
		create(ctx, MakeLicensePool("p").Namespace(ns).Named(1).Concurrent(10).Obj())
		table(ctx, ns, &row{1, 1, 0, 1, 0}, &row{10, 10, 0, 10, 10})
		Expect(states(ctx, ns)).To(Equal(map[licensing.SessionState]int{licensing.SessionActive: 10, licensing.SessionPending: 1}))
		session(ctx, login(ctx, ns, "more", "more"), beDenied("SeatsExhausted"))
		seats(ctx, ns, 11)
		session(ctx, waiting, beGranted("SeatGranted"))
	})

	It("keeps a session for a pool that does not exist until that appears", func(ctx SpecContext) {
		s := login(ctx, ns, "s", "ann")
		session(ctx, s, bePending("PoolNotFound"))
		Expect(s.Status.Message).To(ContainSubstring("pool p does not exist"))
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj())
		session(ctx, s, beGranted("SeatGranted"))
	})

	It("writes nothing when the same YAML is applied again, and owns no spec field", func(ctx SpecContext) {
		file := filepath.Join(GinkgoT().TempDir(), "pool.yaml")
		Expect(os.WriteFile(file, fmt.Appendf(nil, `
apiVersion: licensing.seatkeeper.dev/v1alpha1
kind: LicensePool
metadata: {name: p, namespace: %s}
spec: {named: {seats: 2}, concurrent: {seats: 3}}
`, ns), 0o600)).To(Succeed())
		for _, how := range [][]string{{"apply", "-f", file}, {"apply", "--server-side", "--field-manager=gitops", "--force-conflicts", "-f", file}} {
			kubectl(ctx, how...)
			table(ctx, ns, &row{2, 0, 2, 0, 0}, &row{3, 0, 3, 0, 0})
			before := pool(ctx, ns)
			kubectl(ctx, how...)
			Consistently(func() string { return pool(ctx, ns).ResourceVersion }).Should(Equal(before.ResourceVersion))
			Expect(pool(ctx, ns).Generation).To(Equal(before.Generation))
		}
		for _, entry := range pool(ctx, ns).ManagedFields {
			switch entry.Manager {
			case "gitops":
				Expect(entry.Subresource).To(BeEmpty())
				Expect(entry.FieldsV1.GetRawString()).NotTo(ContainSubstring("f:status"))
			case "seatkeeper":
				Expect(entry.Subresource).To(Equal("status"))
				Expect(entry.FieldsV1.GetRawString()).NotTo(ContainSubstring("f:spec"))
			}
		}
		kubectl(ctx, "wait", "-n", ns, "--for=condition=Ready", "pool/p", "--timeout=5s")
	})

	It("clears its grant log once it is left alone", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj())
		session(ctx, login(ctx, ns, "s", "ann"), beGranted("SeatGranted"))
		Eventually(func() []licensing.GrantIntent { return pool(ctx, ns).Status.Grants.Intents }, "20s").Should(BeEmpty())
		quiet := pool(ctx, ns).ResourceVersion
		Consistently(func() string { return pool(ctx, ns).ResourceVersion }, "3s").Should(Equal(quiet))
	})

	It("tells of a pool that fills up by Events", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj())
		session(ctx, login(ctx, ns, "s", "ann"), beGranted("SeatGranted"))
		Eventually(func() []string { return eventReasons(ctx, ns, "p") }).Should(ContainElement("Warning Exhausted"))
	})

	It("lets a namespace go, sessions, pool and all: no finalizer holds it", func(ctx SpecContext) {
		create(ctx, MakeLicensePool("p").Namespace(ns).Concurrent(1).Obj())
		session(ctx, login(ctx, ns, "s", "ann"), beGranted("SeatGranted"))
		gone := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
		Expect(api.Delete(ctx, gone)).To(Succeed())
		Eventually(func() error { return api.Get(ctx, client.ObjectKeyFromObject(gone), gone) }, "30s").Should(MatchError(ContainSubstring("not found")))
	})
})

// eventReasons lists the type and reason of each Event that regards an object.
func eventReasons(ctx SpecContext, ns, name string) []string {
	GinkgoHelper()
	list := &eventsv1.EventList{}
	Expect(api.List(ctx, list, client.InNamespace(ns))).To(Succeed())
	var reasons []string
	for _, e := range list.Items {
		if e.Regarding.Name == name {
			reasons = append(reasons, e.Type+" "+e.Reason)
		}
	}
	return reasons
}
