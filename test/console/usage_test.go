// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"context"
	"strconv"
	"time"

	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// recorded puts a history on record, in the place of the operator's: of 8 concurrent seats 3 were in use all the while, and 7 for two hours of three days; of 4 named seats one.
func (p *place) recorded(ctx context.Context, pool string, age time.Duration) {
	GinkgoHelper()
	const retention = time.Hour
	now := time.Now().Truncate(time.Second)
	begin := now.Add(-age)
	timeline, history := usage.NewTimeline(begin), usage.NewHistory()
	timeline.License(begin, 4, 8)
	for i := range 8 {
		s := usage.Session{ID: strconv.Itoa(i), User: strconv.Itoa(i), Model: usage.Concurrent, Connection: strconv.Itoa(i), Logon: begin.Add(time.Hour)}
		switch {
		case i == 7:
			s.Model = usage.Named
		case i >= 3 && age < 30*time.Hour:
			continue
		case i >= 3:
			s.Logon = now.Add(-30 * time.Hour)
			s.Ended = s.Logon.Add(2 * time.Hour)
		}
		timeline.Put(s)
	}
	timeline.Tell(history, now, retention)
	p.history(ctx, pool, history)
}

// history puts a history on record in the place of the operator's.
func (p *place) history(ctx context.Context, pool string, history *usage.History) {
	GinkgoHelper()
	record := &licensing.LicenseUsage{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: pool},
		Spec:       licensing.LicenseUsageSpec{PoolRef: licensing.PoolReference{Name: pool}},
	}
	Expect(client.IgnoreAlreadyExists(op.API.Create(ctx, record))).To(Succeed())
	// The operator may write it in the same moment.
	Eventually(func() error {
		if err := op.API.Get(ctx, client.ObjectKeyFromObject(record), record); err != nil {
			return err
		}
		record.Status.History = history.Encode()
		return op.API.Status().Update(ctx, record)
	}).WithContext(ctx).Should(Succeed())
}

var _ = Describe("The usage chart", func() {
	It("shows another pool, model and period when they are chosen, with its advice and its figures", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Named(4).Concurrent(8).Obj(), MakeLicensePool("atlas").Named(2).Obj())
		p.recorded(ctx, "desk", 3*24*time.Hour)
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))

		Eventually(t.text("#usage")).WithContext(ctx).Should(ContainSubstring("No data yet"))
		Expect(eval[string](t, `document.querySelector("#usage svg title").textContent`)).To(Equal("atlas in " + p.ns + ": named connections"))
		t.choose("#chart-pool", p.ns+"/desk")
		shown := func() string {
			return eval[string](t, `document.querySelector("#usage svg title").textContent + ". " + document.querySelector("#usage svg desc").textContent`)
		}
		Eventually(shown).WithContext(ctx).Should(HavePrefix("desk in " + p.ns + ": concurrent connections"))
		t.choose("#chart-model", "Named")
		Eventually(shown).WithContext(ctx).Should(HavePrefix("desk in " + p.ns + ": named connections"))

		t.choose("#chart-model", "Concurrent")
		Eventually(shown).WithContext(ctx).Should(And(HavePrefix("desk in "+p.ns+": concurrent connections. Week:"), ContainSubstring("Most at once: 7 of 8")))
		Expect(t.text("#advice")()).To(ContainSubstring("7 of 8 seats was the most ever in use"))
		Expect(eval[int](t, `document.querySelectorAll("#usage svg .sc-licensed").length`)).To(BeNumerically(">=", 1), "the licensed maximum")

		t.choose("#chart-period", "day")
		Eventually(shown).WithContext(ctx).Should(And(ContainSubstring("Day:"), ContainSubstring("Most at once: 3 of 8")))
		for _, period := range []string{"Month", "Quarter", "Year"} {
			t.choose("#chart-period", map[string]string{"Month": "month", "Quarter": "quarter", "Year": "year"}[period])
			Eventually(shown).WithContext(ctx).Should(And(ContainSubstring(period+":"), ContainSubstring("Most at once: 7 of 8")))
		}

		By("the figures as a table")
		t.choose("#chart-period", "week")
		Eventually(shown).WithContext(ctx).Should(ContainSubstring("Week:"))
		t.click("#figures summary")
		Eventually(t.text("#figures tbody")).WithContext(ctx).Should(And(ContainSubstring("no record"), MatchRegexp(`7\.0\s+7\s+8`)))

		By("an address that is opened again")
		again := t.another(eval[string](t, "location.href"))
		Eventually(func() string {
			return eval[string](again, `document.querySelector("#usage svg title")?.textContent ?? ""`)
		}).WithContext(ctx).
			Should(Equal("desk in " + p.ns + ": concurrent connections"))
		Expect(t.heard()).To(BeEmpty(), "the picture must not need a style that the policy forbids")
	})

	It("stays with the pool of which only a model or a period was chosen, whatever pools there are later", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Named(4).Concurrent(8).Obj())
		p.recorded(ctx, "desk", 3*24*time.Hour)
		c := startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns)
		first := see(ctx, c)
		Eventually(c.url(1)).WithContext(ctx).ShouldNot(BeEmpty())
		second := browse(c.url(1)())
		title := func(t *tab) func() string {
			return func() string {
				return eval[string](t, `(document.querySelector("#usage svg title")?.textContent ?? "") + " " + (document.querySelector("#chart-period")?.value ?? "")`)
			}
		}
		for _, t := range []*tab{first, second} {
			Eventually(title(t)).WithContext(ctx).Should(Equal("desk in " + p.ns + ": concurrent connections week"))
		}
		first.choose("#chart-model", "Named")
		second.choose("#chart-period", "month")
		Eventually(title(first)).WithContext(ctx).Should(HavePrefix("desk in " + p.ns + ": named connections"))
		Eventually(title(second)).WithContext(ctx).Should(HaveSuffix(" month"))

		By("a pool whose name comes before it")
		atlas := MakeLicensePool("atlas").Named(2).Concurrent(2).Obj()
		atlas.Namespace = p.ns
		Expect(op.API.Create(ctx, atlas)).To(Succeed())
		for _, t := range []*tab{first, second} {
			Eventually(t.text("#chart-pool")).WithContext(ctx).Should(ContainSubstring("atlas"))
			Expect(eval[string](t, "new URLSearchParams(location.search).get('of')")).To(Equal(p.ns + "/desk"))
			Expect(eval[string](t, `document.querySelector("#chart-pool").value`)).To(Equal(p.ns + "/desk"))
			t.do(chromedp.Reload())
			Eventually(title(t)).WithContext(ctx).Should(HavePrefix("desk in " + p.ns))
			Expect(t.heard()).To(BeEmpty())
		}
	})

	It("opens on the day while the record is younger than that, and on what was chosen from then on", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Named(4).Concurrent(8).Obj(), MakeLicensePool("old").Concurrent(8).Obj())
		p.recorded(ctx, "desk", 2*time.Hour)
		p.recorded(ctx, "old", 3*24*time.Hour)
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		shown := func() string {
			return eval[string](t, `["#usage svg title", "#usage svg desc"].map((s) => document.querySelector(s)?.textContent).join(". ") + " " + document.querySelector("#chart-period")?.value`)
		}
		Eventually(shown).WithContext(ctx).Should(And(HavePrefix("desk in "), ContainSubstring("Day:"), HaveSuffix(" day")))
		t.choose("#chart-pool", p.ns+"/old")
		Eventually(shown).WithContext(ctx).Should(And(HavePrefix("old in "), ContainSubstring("Week:"), HaveSuffix(" week")))
		t.choose("#chart-period", "month")
		Eventually(shown).WithContext(ctx).Should(And(HavePrefix("old in "), ContainSubstring("Month:"), HaveSuffix(" month")))
		t.choose("#chart-pool", p.ns+"/desk")
		Eventually(shown).WithContext(ctx).Should(And(HavePrefix("desk in "), ContainSubstring("Month:"), HaveSuffix(" month")))
		Expect(t.heard()).To(BeEmpty())
	})
})
