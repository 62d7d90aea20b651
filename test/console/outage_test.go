// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// stale is what stands above what may be old.
const stale = "The cluster does not answer. The console keeps trying. What is shown may be old."

var _ = Describe("While the API server is away", func() {
	It("says so, keeps what it knows, and is up to date by itself afterwards", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.cells(rowOf(s))).WithContext(ctx).Should(ContainElement("Active"))
		t.click("#pick-" + s.UID)

		Expect(op.Cluster.StopAPIServer()).To(Succeed())
		back := func(ctx SpecContext) { Expect(op.Cluster.RestartAPIServer(ctx)).To(Succeed()) }
		restarted := false
		DeferCleanup(func(ctx SpecContext) {
			if !restarted {
				back(ctx)
			}
		})
		Eventually(t.text("#sessions .notice")).WithContext(ctx).Should(Equal(stale))
		Eventually(t.text("#pools .notice")).WithContext(ctx).Should(Equal(stale))
		Expect(t.text("#line")()).To(Equal("Live"), "the console itself answers")
		Expect(t.cells(rowOf(s))()).To(ContainElement("Active"))
		Expect(t.text("#pools-body tbody")()).To(ContainSubstring("desk"))

		By("a session, which cannot be read now")
		t.click("#show-" + s.UID)
		Eventually(t.text("#session .notice")).WithContext(ctx).Should(Equal("The cluster does not answer. The console keeps trying."))
		t.keys(escape)

		By("the end of a session, which cannot be asked for now")
		t.click("#terminate")
		t.click("#ending-go")
		Eventually(t.text("#ending-summary")).WithContext(ctx).WithTimeout(time.Minute).Should(Equal("1 failed."))
		Eventually(t.text("#ending-list")).WithContext(ctx).Should(ContainSubstring("The cluster does not answer."))
		t.click("#ending-close")
		Expect(t.text("#picked")()).To(Equal("1 picked"), "what failed stays picked")

		By("the page, opened again")
		again := t.another(eval[string](t, "location.href"))
		Eventually(again.cells(rowOf(s))).WithContext(ctx).Should(ContainElement("Active"))
		Expect(again.text("#sessions .notice")()).To(Equal(stale))

		By("the API server, back again")
		back(ctx)
		restarted = true
		for _, page := range []*tab{t, again} {
			Eventually(page.count("#sessions .notice, #pools .notice")).WithContext(ctx).Should(BeZero())
			Expect(page.cells(rowOf(s))()).To(ContainElement("Active"))
		}
		other := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "bob"})
		for _, page := range []*tab{t, again} {
			Eventually(page.cells(rowOf(other))).WithContext(ctx).Should(ContainElement("Active"))
		}
		Expect(t.text("#picked")()).To(Equal("1 picked"))
		Expect(t.heard()).To(HaveEach(ContainSubstring("502")), "but for the session that could not be read")
	}, SpecTimeout(4*time.Minute))

	It("says so as well where the network only falls silent", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		proxy, err := op.Cluster.Proxy()
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(proxy.Close)
		config, err := clientcmd.LoadFromFile(op.AdminKubeconfig())
		Expect(err).NotTo(HaveOccurred())
		for _, cluster := range config.Clusters {
			cluster.Server = proxy.URL()
		}
		path := filepath.Join(GinkgoT().TempDir(), "proxied")
		Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
		t := see(ctx, startConsole(ctx, path, "-n", p.ns))
		Eventually(t.cells(rowOf(s))).WithContext(ctx).Should(ContainElement("Active"))

		proxy.Silence()
		Eventually(t.text("#sessions .notice")).WithContext(ctx).WithTimeout(90 * time.Second).Should(Equal(stale))
		Expect(t.cells(rowOf(s))()).To(ContainElement("Active"))
		_, err = gateway.SignOut(ctx, s.Token)
		Expect(err).NotTo(HaveOccurred())
		other := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "bob"})

		proxy.Restore()
		Eventually(t.count("#sessions .notice")).WithContext(ctx).WithTimeout(time.Minute).Should(BeZero())
		Eventually(t.cells(rowOf(other))).WithContext(ctx).Should(ContainElement("Active"))
		Eventually(t.count(rowOf(s))).WithContext(ctx).Should(BeZero())
		Expect(t.heard()).To(BeEmpty())
	}, SpecTimeout(5*time.Minute))
})
