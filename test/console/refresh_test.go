// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"context"
	"net"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// inAPod makes an object that stands for the replica, as the Deployment's pods do, until the spec ends.
func inAPod(ctx context.Context) {
	GinkgoHelper()
	host, port, err := net.SplitHostPort(served.Address)
	Expect(err).NotTo(HaveOccurred())
	number, err := strconv.ParseInt(port, 10, 32)
	Expect(err).NotTo(HaveOccurred())
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: replica.Namespace, Name: "seatkeeper-0", Labels: map[string]string{"app.kubernetes.io/name": "seatkeeper", "app.kubernetes.io/component": "operator"},
		},
		Spec: corev1.PodSpec{
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "seatkeeper", Image: "seatkeeper", Args: []string{"--gateway-tls=off"}, Ports: []corev1.ContainerPort{{Name: "gateway", ContainerPort: int32(number)}},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
	Expect(op.API.Create(ctx, pod)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(op.API.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
	})
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: host, PodIPs: []corev1.PodIP{{IP: host}}}
	Expect(op.API.Status().Update(ctx, pod)).To(Succeed())
}

// works lets a session's user do something, which is known at the gateway and not on record, until that was at least two seconds after the logon.
func works(ctx context.Context, s *gatewayapi.SignedOn) {
	GinkgoHelper()
	Eventually(func() (time.Duration, error) {
		a, err := gateway.Beat(ctx, s.Token, &gatewayapi.HeartbeatReport{Active: true})
		if err != nil || a.OK == nil || a.OK.TimeoutTime == nil {
			return 0, err
		}
		return a.OK.TimeoutTime.Sub(*s.TimeoutTime), nil
	}).WithContext(ctx).Should(BeNumerically(">=", 2*time.Second))
}

var _ = Describe("Refresh", func() {
	It("brings last activity and duration up to date", func(ctx SpecContext) {
		inAPod(ctx)
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).IdleTimeout(time.Hour).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.cells(rowOf(s))).WithContext(ctx).Should(ContainElement("Active"))
		works(ctx, s)
		exact := func(column string) string {
			return eval[string](t, `document.querySelector("`+rowOf(s)+` [data-label='`+column+`'] time").dateTime`)
		}
		recorded := p.record(ctx, s.Name).Status.LastActivityTime.UTC().Format(time.RFC3339)
		Expect(exact("Last activity")).To(Equal(recorded))

		t.click("#refresh")
		Eventually(func() string { return exact("Last activity") }).WithContext(ctx).ShouldNot(Equal(recorded))
		Expect(t.text("#hint")()).To(BeEmpty())
		shown, err := time.Parse(time.RFC3339, exact("Last activity"))
		Expect(err).NotTo(HaveOccurred())
		logon, err := time.Parse(time.RFC3339, exact("Logon"))
		Expect(err).NotTo(HaveOccurred())
		Expect(t.text(rowOf(s) + " [data-label='Duration']")()).To(Equal(shown.Sub(logon).String()))
		Expect(p.record(ctx, s.Name).Status.LastActivityTime.UTC().Format(time.RFC3339)).To(Equal(recorded), "it came from the gateway")
		Eventually(t.text("#said")).WithContext(ctx).Should(Equal("Refreshed: the gateways told of 1 session."))

		By("the session's own view")
		t.click("#show-" + s.UID)
		Eventually(t.text("#session")).WithContext(ctx).Should(ContainSubstring(shown.Format(time.RFC3339)))
		Expect(t.text("#session")()).NotTo(ContainSubstring("as recorded"))
		Expect(t.heard()).To(BeEmpty())
	})

	It("says why it cannot, and what is on record is still there", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.count(rowOf(s))).WithContext(ctx).Should(Equal(1))
		t.click("#refresh")
		// The operator runs beside this cluster here, and not in a pod of it.
		Eventually(t.text("#hint")).WithContext(ctx).Should(HavePrefix("No pod of the operator was found"))
		Expect(t.count(rowOf(s))()).To(Equal(1))
		Expect(t.heard()).To(BeEmpty())
	})

	It("keeps who works out of those that are picked for idleness", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).IdleTimeout(2*time.Hour).Obj())
		ann := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		// Nobody was ever heard of who uses this one.
		idle := MakeUserSession("idle").Namespace(p.ns).Pool("desk").User("zoe").Obj()
		Expect(op.API.Create(ctx, idle)).To(Succeed())
		Eventually(func() licensing.SessionState { return p.record(ctx, "idle").Status.State }).WithContext(ctx).Should(Equal(licensing.SessionActive))
		for _, name := range []string{ann.Name, "idle"} {
			p.setBack(ctx, name, 40*time.Minute)
		}
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("2 sessions"))
		t.write("#filter-idle", "50")
		Eventually(t.text("#sessions")).WithContext(ctx).Should(ContainSubstring("No session fits these filters."))
		t.click("#clear")
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("2 sessions"))
		t.write("#filter-idle", "30")
		Eventually(func() string { return eval[string](t, "location.search") }).WithContext(ctx).Should(ContainSubstring("idle=30"))
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("2 sessions"))

		By("no gateway that could be asked")
		t.click("#pick-found")
		Eventually(t.text("#hint")).WithContext(ctx).Should(HavePrefix("Nobody was picked, since records may lag by minutes"))
		Expect(t.text("#picked")()).To(BeEmpty())

		By("gateways that know that one of them works")
		inAPod(ctx)
		works(ctx, ann)
		t.click("#pick-found")
		Eventually(t.text("#picked")).WithContext(ctx).Should(Equal("1 picked"))
		Eventually(t.text("#grid tbody")).WithContext(ctx).Should(And(ContainSubstring("zoe"), Not(ContainSubstring("ann"))))
		Expect(t.text("#hint")()).To(BeEmpty())
		Expect(t.heard()).To(HaveEach(ContainSubstring("503")), "but for the answer that nobody was picked")
	})
})

// setBack writes on a session's record that its user last did something so long ago.
func (p *place) setBack(ctx context.Context, name string, by time.Duration) {
	GinkgoHelper()
	Eventually(func() error {
		s := p.record(ctx, name)
		s.Status.LastActivityTime = new(metav1.NewTime(s.Status.LastActivityTime.Add(-by)))
		return op.API.Status().Update(ctx, s)
	}).WithContext(ctx).Should(Succeed())
}
