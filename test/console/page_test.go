// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"net/http"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// rowOf selects a session's row.
func rowOf(s *gatewayapi.SignedOn) string { return "#row-" + s.UID }

var _ = Describe("The page", func() {
	It("opens by the printed URL, once, and leaves no secret in the address bar", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		c := startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns)
		url := c.url(0)()
		Expect(url).To(HavePrefix("http://127.0.0.1:"))

		t := browse(url)
		Eventually(t.text("h1")).WithContext(ctx).Should(Equal("Seatkeeper"))
		Expect(eval[string](t, "location.href")).NotTo(ContainSubstring("secret"))
		Expect(eval[string](t, "document.cookie")).To(BeEmpty(), "scripts must not read the cookie")
		Expect(eval[string](t, "document.documentElement.innerHTML")).NotTo(ContainSubstring("secret"))
		Expect(eval[int](t, "history.length")).To(BeNumerically("<=", 2))

		By("another browser with the same URL")
		other := browse(url)
		Eventually(other.text("main")).WithContext(ctx).Should(ContainSubstring("opens by its URL only"))
		other.do(navigate(eval[string](t, "location.href")))
		Eventually(other.text("main")).WithContext(ctx).Should(ContainSubstring("opens by its URL only"))

		By("another browser with the next URL")
		Eventually(c.url(1)).WithContext(ctx).ShouldNot(BeEmpty())
		third := browse(c.url(1)())
		Eventually(third.text("h1")).WithContext(ctx).Should(Equal("Seatkeeper"))

		Expect(t.heard()).To(BeEmpty())
	})

	It("shows the seats of pools, and N/A for a model that a pool lacks", func(ctx SpecContext) {
		p := somewhere(ctx,
			MakeLicensePool("desk").DisplayName("<b>Service</b> Desk").Named(4).Concurrent(3).Obj(),
			MakeLicensePool("reporting").Named(2).Obj(),
			MakeLicenseAccount("ann").Pool("desk").User("ann").Named().Obj())
		p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		p.signOn(ctx, "desk", gatewayapi.Login{UserName: "bob"})
		p.signOn(ctx, "desk", gatewayapi.Login{UserName: "bob", Module: "Mobile"})

		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		row := func(pool, model string) string { return `[id="` + p.ns + "/" + pool + "/" + model + `"]` }
		Eventually(t.cells(row("desk", "Named"))).WithContext(ctx).Should(HaveExactElements(ContainSubstring("<b>Service</b> Desk"), "Named", "4", "1", "3", "1", "1"))
		Eventually(t.cells(row("desk", "Concurrent"))).WithContext(ctx).Should(HaveExactElements("Concurrent", "3", "1", "2", "1", "1"))
		Eventually(t.cells(row("reporting", "Named"))).WithContext(ctx).Should(HaveExactElements(ContainSubstring("reporting"), "Named", "2", "0", "2", "0", "0"))
		Eventually(t.cells(row("reporting", "Concurrent"))).WithContext(ctx).Should(HaveExactElements("Concurrent", "N/A", "N/A", "N/A", "N/A", "N/A"))

		By("a pool that is lowered while the page is open")
		pool := &licensing.LicensePool{}
		pool.Name, pool.Namespace = "reporting", p.ns
		_, err := op.Kubectl(ctx, "patch", "pool", "reporting", "-n", p.ns, "--type=merge", "-p", `{"spec":{"named":{"seats":1}}}`)
		Expect(err).NotTo(HaveOccurred())
		Eventually(t.cells(row("reporting", "Named"))).WithContext(ctx).WithTimeout(10 * time.Second).Should(HaveExactElements(ContainSubstring("reporting"), "Named", "1", "0", "1", "0", "0"))
		Expect(t.heard()).To(BeEmpty())
	})

	It("follows sessions as they appear, are used and end, without being touched", func(ctx SpecContext) {
		p := somewhere(ctx,
			MakeLicensePool("desk").Named(1).Concurrent(5).IdleTimeout(time.Minute).Obj(),
			MakeLicenseAccount("ann").Pool("desk").User("ann").Named().Obj())
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.text("#sessions")).WithContext(ctx).Should(ContainSubstring("Nobody is signed on."))
		Eventually(t.text("#line")).WithContext(ctx).Should(Equal("Live"))

		mark := `<img src=x onerror="window.hacked = 1">`
		bob := p.signOn(ctx, "desk", gatewayapi.Login{UserName: mark, UserFullName: "Bob </td><script>window.hacked = 2</script>", Module: "Network Inventory", Client: &gatewayapi.Client{IP: "192.0.2.7"}})
		Eventually(t.cells(rowOf(bob))).WithContext(ctx).WithTimeout(10 * time.Second).Should(HaveLen(11))
		cells := t.cells(rowOf(bob))()
		record := p.record(ctx, bob.Name)
		logon := record.Status.LogonTime.Time
		Expect(cells).To(HaveExactElements("", mark, "Bob </td><script>window.hacked = 2</script>", "desk", "Concurrent", "Network Inventory", "192.0.2.7",
			ContainSubstring(record.Status.LastActivityTime.UTC().Format(time.RFC3339)), ContainSubstring(logon.UTC().Format(time.RFC3339)), "0s", "Active"))
		berlin, err := time.LoadLocation("Europe/Berlin")
		Expect(err).NotTo(HaveOccurred())
		Expect(cells[8]).To(ContainSubstring(logon.In(berlin).Format("15:04:05")), "the person's own time")
		Expect(eval[any](t, "window.hacked ?? null")).To(BeNil())

		ann := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		Eventually(t.cells(rowOf(ann))).WithContext(ctx).WithTimeout(10 * time.Second).Should(ContainElement("Named"))

		By("one that signs out")
		a, err := gateway.SignOut(ctx, ann.Token)
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Status).To(Equal(http.StatusNoContent))
		Eventually(t.count(rowOf(ann))).WithContext(ctx).WithTimeout(10 * time.Second).Should(BeZero())

		By("one that idles out")
		Eventually(t.count(rowOf(bob))).WithContext(ctx).WithTimeout(2 * time.Minute).Should(BeZero())
		Expect(p.record(ctx, bob.Name).Status.TerminationAction).To(Equal(licensing.ExpiredSessionTerminated))
		t.choose("#filter-state", "Terminated")
		Eventually(t.cells(rowOf(bob))).WithContext(ctx).Should(ContainElement(ContainSubstring("ExpiredSessionTerminated")))
		Eventually(t.cells(rowOf(ann))).WithContext(ctx).Should(ContainElement(ContainSubstring("RequestedByUser")))
		Expect(t.heard()).To(BeEmpty())
	}, SpecTimeout(4*time.Minute))

	It("finds sessions by filters, sorts them and shows them in pages", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(100).Obj(), MakeLicensePool("other").Concurrent(100).Obj())
		for i := range 30 {
			p.signOn(ctx, "desk", gatewayapi.Login{UserName: "user" + string(rune('a'+i%26)) + strings.Repeat("x", i/26), Module: []string{"Web", "Mobile"}[i%2]})
		}
		zoe := p.signOn(ctx, "other", gatewayapi.Login{UserName: "Zoe", UserFullName: "Zoë Ångström"})
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("31 sessions"))

		t.choose("#rows", "25")
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("31 sessions, 1 to 25 shown"))
		t.click("#page-next")
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("31 sessions, 26 to 31 shown"))
		Expect(t.count("#grid tbody tr")()).To(Equal(6))

		t.click("#sort-Login") // from ascending to descending, and to the first page
		Eventually(t.text("#grid tbody tr:first-child th")).WithContext(ctx).Should(Equal("Zoe"))
		Expect(eval[string](t, `document.querySelector("#grid th[aria-sort]").ariaSort`)).To(Equal("descending"))

		t.write("#filter-text", "ångs")
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("1 session"))
		Expect(t.count(rowOf(zoe))()).To(Equal(1))
		Expect(eval[string](t, "document.activeElement.id")).To(Equal("filter-text"), "the focus must stay where a person types")
		Expect(eval[string](t, "location.search")).To(ContainSubstring("text="))

		t.choose("#filter-pool", "desk")
		Eventually(t.text("#sessions")).WithContext(ctx).Should(ContainSubstring("No session fits these filters."))
		t.click("#clear")
		Eventually(t.text("#found")).WithContext(ctx).Should(HavePrefix("31 sessions"))
		t.choose("#filter-module", "Mobile")
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("15 sessions"))

		By("the same address in another tab")
		other := t.another(eval[string](t, "location.href"))
		Eventually(other.text("#found")).WithContext(ctx).Should(Equal("15 sessions"))
		Expect(eval[string](other, `document.getElementById("filter-module").value`)).To(Equal("Mobile"))
		Expect(t.heard()).To(BeEmpty())
	})

	It("serves more pages of one browser than that has connections", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(9).Obj())
		p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		tabs := []*tab{see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))}
		tabs[0].look(1280, 1000, "light")
		for range 7 { // browsers have six to a host
			tabs = append(tabs, tabs[0].another(eval[string](tabs[0], "location.href")))
		}
		shown := func(t *tab) {
			// As in windows beside each other: all are looked at.
			_, err := chromedp.Call(t.ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
			Expect(err).NotTo(HaveOccurred())
			Eventually(t.text("#line")).WithContext(ctx).Should(Equal("Live"))
			Expect(eval[bool](t, "document.hidden")).To(BeFalse())
		}
		for _, t := range tabs {
			shown(t)
		}
		By("a session that begins is shown in all, and each can be used")
		bob := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "bob"})
		for _, t := range tabs {
			Eventually(t.count(rowOf(bob))).WithContext(ctx).WithTimeout(10 * time.Second).Should(Equal(1))
			t.choose("#filter-state", "Pending")
			Eventually(t.text("#found")).WithContext(ctx).Should(Equal("No sessions"))
			Expect(t.heard()).To(BeEmpty())
		}
	})

	It("keeps a choice of the filters as it is while what there is to choose from changes", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(9).Obj())
		mobile := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann", Module: "Mobile"})
		web := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "bob", Module: "Web"})
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.count(rowOf(web))).WithContext(ctx).Should(Equal(1))
		t.choose("#filter-module", "Mobile")
		Eventually(t.text("#found")).WithContext(ctx).Should(Equal("1 session"))

		By("a module whose name comes before it")
		desktop := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "cy", Module: "Desktop"})
		Eventually(t.text("#filter-module")).WithContext(ctx).Should(ContainSubstring("Desktop"))
		Expect(eval[string](t, `document.getElementById("filter-module").value`)).To(Equal("Mobile"))
		Expect(t.count(rowOf(mobile))()).To(Equal(1))

		By("another filter, which must leave the first as it was")
		t.write("#filter-user", "an")
		Eventually(func() string { return eval[string](t, "location.search") }).WithContext(ctx).Should(And(ContainSubstring("user=an"), ContainSubstring("module=Mobile")))
		Expect(t.count(rowOf(desktop))()).To(BeZero())
		Expect(t.heard()).To(BeEmpty())
	})

	It("shows everything of one session, and why it stands as it does", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).IdleTimeout(30*time.Minute).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{
			UserName: `CORP\ann`, UserFullName: "Ann Example", Applications: []string{"Orders", "<Stock>"},
			SessionAttributes: map[string]string{"site": "Berlin & Brandenburg"},
			Client:            &gatewayapi.Client{IP: "192.0.2.9", HostName: "pc-17"},
		})
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.count(rowOf(s))).WithContext(ctx).Should(Equal(1))
		t.click("#show-" + s.UID)
		Eventually(t.text("#session")).WithContext(ctx).Should(And(
			ContainSubstring(`CORP\ann`), ContainSubstring("It was granted a concurrent seat"), ContainSubstring(s.UID), ContainSubstring("192.0.2.9"), ContainSubstring("pc-17"),
			ContainSubstring("Orders, <Stock>"), ContainSubstring("site=Berlin & Brandenburg"), ContainSubstring("NotTerminated"),
			ContainSubstring(p.record(ctx, s.Name).Status.TimeoutTime.UTC().Format(time.RFC3339))))
		Expect(t.text("#session")()).NotTo(ContainSubstring(s.Token))
		t.keys(escape)
		Eventually(t.count("#session")).WithContext(ctx).Should(BeZero())
		Expect(eval[string](t, "document.activeElement.id")).To(Equal("show-"+s.UID), "the focus must go back to where it was")

		By("a record that is longer than the dialog, whose Close is in sight all the same")
		t.click("#show-" + s.UID)
		Eventually(t.count("#session")).WithContext(ctx).Should(Equal(1))
		Expect(eval[bool](t, `(() => { const d = document.getElementById("session"); return d.scrollHeight > d.clientHeight && d.scrollTop === 0; })()`)).To(BeTrue())
		Expect(eval[bool](t, `(() => {
			const b = document.querySelector("#session [data-close]"), at = b.getBoundingClientRect();
			return document.elementFromPoint(at.x + at.width / 2, at.y + at.height / 2) === b;
		})()`)).To(BeTrue())
		t.click("#session [data-close]")
		Eventually(t.count("#session")).WithContext(ctx).Should(BeZero())
		Expect(t.heard()).To(BeEmpty())
	})
})
