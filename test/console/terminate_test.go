// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

var _ = Describe("Terminating", func() {
	It("ends a session with a message that its client gets", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		other := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "bob"})
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.count(rowOf(s))).WithContext(ctx).Should(Equal(1))
		Expect(eval[bool](t, `document.getElementById("terminate").disabled`)).To(BeTrue(), "nothing is picked")

		t.click("#pick-" + s.UID)
		Expect(t.text("#picked")()).To(Equal("1 picked"))
		t.click("#terminate")
		Eventually(t.text("#ending h2")).WithContext(ctx).Should(Equal("Terminate 1 session?"))
		Eventually(t.text("#ending-list")).WithContext(ctx).Should(And(ContainSubstring("ann"), Not(ContainSubstring("bob"))))
		t.keys(escape)
		Eventually(t.count("#ending")).WithContext(ctx).Should(BeZero())
		Expect(p.record(ctx, s.Name).Spec.Termination).To(BeNil(), "who backs out has ended nothing")

		t.click("#terminate")
		t.write("#ending-message", `Please sign on again <b>after</b> 18:00 "sharp"`)
		t.click("#ending-go")
		Eventually(t.text("#ending-summary")).WithContext(ctx).Should(Equal("1 session is being ended."))
		Eventually(t.text("#ending-list")).WithContext(ctx).Should(ContainSubstring("Its end was asked for."))
		t.click("#ending-close")
		Eventually(t.count(rowOf(s))).WithContext(ctx).WithTimeout(10 * time.Second).Should(BeZero())
		Expect(t.count(rowOf(other))()).To(Equal(1))
		Expect(t.text("#picked")()).To(BeEmpty())

		beat, err := gateway.Beat(ctx, s.Token, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(beat.Status).To(Equal(http.StatusGone))
		Expect(string(beat.Problem.TerminationAction)).To(Equal(string(licensing.RequestedByAdministrator)))
		Expect(beat.Problem.Detail).To(ContainSubstring(`Please sign on again <b>after</b> 18:00 "sharp"`))
		Expect(t.heard()).To(BeEmpty())
	})

	It("ends many in one act, from several pages, and says what became of each", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(100).Obj())
		var all []*gatewayapi.SignedOn
		for i := range 40 {
			all = append(all, p.signOn(ctx, "desk", gatewayapi.Login{UserName: "user" + string(rune('0'+i/10)) + string(rune('0'+i%10))}))
		}
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("40 sessions"))
		t.choose("#rows", "25")
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("40 sessions, 1 to 25 shown"))
		t.click("#pick-page")
		Expect(t.text("#picked")()).To(Equal("25 picked"))
		t.click("#page-next")
		Eventually(t.count(rowOf(all[39]))).WithContext(ctx).Should(Equal(1))
		t.click("#pick-" + all[39].UID)
		Expect(t.text("#picked")()).To(Equal("26 picked"))

		By("one of them that ends while the dialog is open")
		t.click("#terminate")
		Eventually(t.text("#ending h2")).WithContext(ctx).Should(Equal("Terminate 26 sessions?"))
		_, err := gateway.SignOut(ctx, all[3].Token)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() licensing.SessionState { return p.record(ctx, all[3].Name).Status.State }).WithContext(ctx).Should(Equal(licensing.SessionTerminated))
		t.click("#ending-go")
		Eventually(t.text("#ending-summary")).WithContext(ctx).Should(Equal("25 sessions are being ended, 1 had ended already."))
		Expect(t.count("#ending-list li")()).To(Equal(26))
		t.click("#ending-close")
		Eventually(t.text("#found")).WithContext(ctx).WithTimeout(10 * time.Second).Should(Equal("14 sessions"))
		Expect(p.record(ctx, all[38].Name).Status.State).To(Equal(licensing.SessionActive), "what was not picked stays")

		By("all that is found, on whichever page")
		t.click("#pick-found")
		Eventually(t.text("#picked")).WithContext(ctx).Should(Equal("14 picked"))
		t.click("#terminate")
		t.click("#ending-go")
		Eventually(t.text("#ending-summary")).WithContext(ctx).Should(Equal("14 sessions are being ended."))
		t.click("#ending-close")
		Eventually(t.text("#sessions")).WithContext(ctx).WithTimeout(10 * time.Second).Should(ContainSubstring("Nobody is signed on."))
		Expect(t.heard()).To(BeEmpty())
	})

	It("works by keyboard alone, while the grid changes", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(50).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "mia"})
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.count(rowOf(s))).WithContext(ctx).Should(Equal(1))

		By("the link that skips to the sessions comes first")
		t.keys(tabulator)
		Expect(eval[string](t, "document.activeElement.className")).To(Equal("skip"))
		t.keys(enter)
		t.tabTo("#pick-" + s.UID)
		Expect(eval[string](t, `getComputedStyle(document.activeElement).outlineStyle`)).To(Equal("solid"), "the focus must be seen")
		t.keys(" ")
		Expect(t.text("#picked")()).To(Equal("1 picked"))

		By("a session that appears before it leaves focus and pick alone")
		newcomer := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ada"})
		Eventually(t.count(rowOf(newcomer))).WithContext(ctx).Should(Equal(1))
		Expect(eval[string](t, "document.activeElement.id")).To(Equal("pick-" + s.UID))
		Expect(eval[bool](t, "document.activeElement.checked")).To(BeTrue())

		eval[any](t, `document.getElementById("filter-pool").focus()`)
		t.tabTo("#terminate")
		t.keys(enter)
		Eventually(func() string { return eval[string](t, "document.activeElement.id") }).WithContext(ctx).Should(Equal("ending-message"))
		t.keys("Bye")
		t.tabTo("#ending-go")
		t.keys(enter)
		Eventually(t.text("#ending-summary")).WithContext(ctx).Should(Equal("1 session is being ended."))
		Expect(eval[string](t, "document.activeElement.id")).To(Equal("ending-close"))
		t.keys(enter)
		Eventually(t.count(rowOf(s))).WithContext(ctx).WithTimeout(10 * time.Second).Should(BeZero())
		Expect(p.record(ctx, s.Name).Spec.Termination.Message).To(Equal("Bye"))
		Expect(t.heard()).To(BeEmpty())
	})
})
