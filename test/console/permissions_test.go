// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"context"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

var _ = Describe("Who may do less", func() {
	It("is offered all of it as an administrator of sessions", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		t := see(ctx, startConsole(ctx, p.person(ctx, "chief", "seatkeeper-session-admin"), "-n", p.ns))
		Eventually(t.count(rowOf(s))).WithContext(ctx).Should(Equal(1))
		Expect(t.text(".scope")()).To(ContainSubstring("system:serviceaccount:" + p.ns + ":chief"))
		Expect(t.count("#pick-" + s.UID)()).To(Equal(1))
		Expect(t.count("#terminate")()).To(Equal(1))
		Expect(t.heard()).To(BeEmpty())
	})

	It("sees and is not offered to end sessions as a viewer, nor can", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		t := see(ctx, startConsole(ctx, p.person(ctx, "eye", "seatkeeper-viewer"), "-n", p.ns))
		Eventually(t.count(rowOf(s))).WithContext(ctx).Should(Equal(1))
		Expect(t.count("#terminate, #pick-found, #pick-none, #grid input")()).To(BeZero())
		t.click("#show-" + s.UID)
		Eventually(t.text("#session")).WithContext(ctx).Should(ContainSubstring(s.UID))
		Expect(t.count("[data-terminate]")()).To(BeZero())
		Expect(t.heard()).To(BeEmpty())

		By("asking all the same, as the page would")
		answer := eval[string](t, `import("/assets/server.js").then((m) => m.ask("terminate", null, {keys: ["`+p.ns+`/`+s.Name+`/`+s.UID+`"], message: ""})).then((a) => a.text())`)
		Expect(answer).To(ContainSubstring("You may not end sessions in namespace " + p.ns))
		Expect(p.record(ctx, s.Name).Spec.Termination).To(BeNil())
	})

	It("sees the pools and no sessions as a viewer of pools", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann.secret"})
		t := see(ctx, startConsole(ctx, p.person(ctx, "counter", "seatkeeper-pool-viewer"), "-n", p.ns))
		Eventually(t.text("#pools")).WithContext(ctx).Should(ContainSubstring("desk"))
		Eventually(t.text("#sessions")).WithContext(ctx).Should(ContainSubstring("You may not see the sessions in namespace " + p.ns))
		Expect(t.count("#sessions button, #sessions input, #sessions select")()).To(BeZero())
		Expect(eval[string](t, "document.documentElement.innerHTML")).NotTo(ContainSubstring("ann.secret"))
		Expect(t.heard()).To(BeEmpty())
	})

	It("sees nothing as nobody, and is told whom to ask", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		t := see(ctx, startConsole(ctx, p.person(ctx, "nobody", ""), "-n", p.ns))
		Eventually(t.text("#pools")).WithContext(ctx).Should(ContainSubstring("You may not see the pools in namespace " + p.ns))
		Eventually(t.text("#usage")).WithContext(ctx).Should(ContainSubstring("by the role seatkeeper-pool-viewer"))
		Eventually(t.text("#sessions")).WithContext(ctx).Should(ContainSubstring("by the role seatkeeper-viewer"))
		Expect(t.count("main button, main input, main select")()).To(BeZero())
		Expect(t.heard()).To(BeEmpty())
	})

	It("loses sight of sessions when the permission is taken away, and has it back when it is given", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		t := see(ctx, startConsole(ctx, p.person(ctx, "eye", "seatkeeper-viewer"), "-n", p.ns))
		Eventually(t.count(rowOf(s))).WithContext(ctx).Should(Equal(1))
		binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: "eye"}}
		Expect(op.API.Delete(ctx, binding)).To(Succeed())
		Eventually(t.text("#sessions")).WithContext(ctx).WithTimeout(time.Minute).Should(ContainSubstring("You may not see the sessions"))
		Expect(t.count(rowOf(s))()).To(BeZero())

		binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "seatkeeper-viewer"}
		binding.Subjects = []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: p.ns, Name: "eye"}}
		Expect(op.API.Create(ctx, binding)).To(Succeed())
		Eventually(t.count(rowOf(s))).WithContext(ctx).WithTimeout(time.Minute).Should(Equal(1))
	}, SpecTimeout(4*time.Minute))
})

// person makes a service account that has one of the shipped roles in the namespace, or none, and returns its kubeconfig.
func (p *place) person(ctx context.Context, name, role string) string {
	GinkgoHelper()
	Expect(op.API.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: name}})).To(Succeed())
	if role != "" {
		Expect(op.API.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: p.ns, Name: name}},
		})).To(Succeed())
	}
	token, err := op.Token(ctx, p.ns, name)
	Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.LoadFromFile(op.AdminKubeconfig())
	Expect(err).NotTo(HaveOccurred())
	for user := range config.AuthInfos {
		config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token}
	}
	path := filepath.Join(GinkgoT().TempDir(), name)
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}
