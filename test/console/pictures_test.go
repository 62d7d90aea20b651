// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

func keyOf(namespace, name string) client.ObjectKey {
	return client.ObjectKey{Namespace: namespace, Name: name}
}

// administrator is a kubeconfig of admin@example.com, who may end sessions in the namespace, of a cluster that is called production.
func (p *place) administrator(ctx context.Context) string {
	GinkgoHelper()
	const user = "admin@example.com"
	Expect(op.API.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: p.ns, Name: "admin"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "seatkeeper-session-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	})).To(Succeed())
	config, err := clientcmd.LoadFromFile(op.AdminKubeconfig())
	Expect(err).NotTo(HaveOccurred())
	for _, auth := range config.AuthInfos {
		auth.Impersonate = user
	}
	config.Contexts["production"] = config.Contexts[config.CurrentContext]
	config.CurrentContext = "production"
	path := filepath.Join(GinkgoT().TempDir(), "administrator")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}

// look sets the size of the page, in pixels, and whether it is light or dark; nothing in it may be wider than the page.
func (t *tab) look(width, height int, scheme string) {
	GinkgoHelper()
	t.do(chromedp.EmulateViewport(int64(width), int64(height)))
	_, err := chromedp.Call(t.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	Expect(err).NotTo(HaveOccurred())
	Eventually(func() []int {
		return eval[[]int](t, "[innerWidth, Math.max(innerWidth, document.documentElement.scrollWidth)]")
	}).WithContext(t.ctx).Should(HaveExactElements(width, width), "the page must not be wider than its window")
}

// picture takes one of what the window shows, once the chart is drawn for its width, and keeps it where CONSOLE_PICTURES says, if it does.
func (t *tab) picture(name string) {
	GinkgoHelper()
	Eventually(func() []float64 {
		return eval[[]float64](t, `((svg) => [Number(svg.getAttribute("width")), document.getElementById("usage-body").clientWidth])(document.querySelector("#usage svg"))`)
	}).WithContext(t.ctx).Should(Satisfy(func(widths []float64) bool { return widths[0] == widths[1] }), "the chart must be drawn anew for its width")
	shot, err := chromedp.Run(t.ctx, chromedp.CaptureScreenshot())
	Expect(err).NotTo(HaveOccurred())
	whole, err := png.Decode(bytes.NewReader(shot))
	Expect(err).NotTo(HaveOccurred())
	if dir := os.Getenv("CONSOLE_PICTURES"); dir != "" {
		var small bytes.Buffer
		Expect((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, fewColors(whole))).To(Succeed())
		Expect(os.WriteFile(filepath.Join(root, dir, name), small.Bytes(), 0o600)).To(Succeed())
	}
}

// fewColors is a picture in its 256 most frequent colours, which are almost all that a page has: a third of the size.
func fewColors(whole image.Image) image.Image {
	count := map[color.Color]int{}
	area := whole.Bounds()
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			count[whole.At(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int { return cmp.Compare(count[b], count[a]) })
	few := image.NewPaletted(area, all[:min(256, len(all))])
	nearest := map[color.Color]uint8{}
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			c := whole.At(x, y)
			i, ok := nearest[c]
			if !ok {
				i = uint8(few.Palette.Index(c))
				nearest[c] = i
			}
			few.SetColorIndex(x, y, i)
		}
	}
	return few
}

// The pictures of docs/console.md. CONSOLE_PICTURES=docs/images makes them anew.
var _ = Describe("A busy desk", func() {
	It("fits its pages, light and dark, wide and narrow", func(ctx SpecContext) {
		p := busyDesk(ctx)
		var err error
		p.token, err = op.AppServer(ctx, p.ns, "portal")
		Expect(err).NotTo(HaveOccurred())
		user, fullName := somebody(399)
		newcomer := p.signOn(ctx, "service-desk", gatewayapi.Login{
			UserName: user, UserFullName: fullName, Module: "Web", Applications: []string{"Incidents", "Changes"}, InstanceName: "desk-app-1",
			Client: &gatewayapi.Client{IP: "192.0.2.7", HostName: "pc-007", UserAgent: "Desk/5.2 (Linux)"},
		})
		t := see(ctx, startConsole(ctx, p.administrator(ctx), "-n", p.ns))
		Eventually(t.text(".scope")).WithContext(ctx).Should(Equal("Namespace itsm of production, as admin@example.com"))
		row := func(pool, model string) string { return `[id="` + p.ns + "/" + pool + "/" + model + `"]` }
		Eventually(t.cells(row("service-desk", "Named"))).WithContext(ctx).Should(HaveExactElements(ContainSubstring("Nearly exhausted"), "Named", "25", "20", "5", "20", "7"))
		Eventually(t.cells(row("service-desk", "Concurrent"))).WithContext(ctx).Should(HaveExactElements("Concurrent", "50", "46", "4", "112", "46"))
		t.choose("#chart-pool", p.ns+"/service-desk")
		chart := func() string { return eval[string](t, `document.querySelector("#usage svg desc")?.textContent ?? ""`) }
		Eventually(chart).WithContext(ctx).Should(And(HavePrefix("Week:"), MatchRegexp("Most at once: (50 of 50|4[0-9] of (45|50))"), Not(ContainSubstring("46 of 45"))))

		t.look(1280, 1000, "light")
		t.picture("console-light.png")
		t.look(380, 1340, "light")
		t.picture("console-narrow.png")

		t.look(1280, 860, "light")
		t.choose("#rows", "100")
		t.click("#show-" + newcomer.UID)
		Eventually(t.text("#session")).WithContext(ctx).Should(ContainSubstring("It was granted"))
		eval[any](t, "document.activeElement.blur()")
		t.picture("console-session.png")
		t.keys(escape)

		t.look(1280, 860, "dark")
		for _, n := range []string{"2", "4", "5"} {
			t.click("#grid tbody tr:nth-child(" + n + ") input")
		}
		t.click("#terminate")
		t.write("#ending-message", "Maintenance at noon: please sign on again at 12:15.")
		Eventually(t.text("#ending h2")).WithContext(ctx).Should(Equal("Terminate 3 sessions?"))
		t.picture("console-terminate.png")

		By("with the figures, as narrow as pages get")
		t.keys(escape)
		t.click("#figures summary")
		Eventually(t.count("#figures table")).WithContext(ctx).Should(Equal(1))
		t.look(320, 640, "dark")
		Expect(t.heard()).To(BeEmpty())
	}, SpecTimeout(3*time.Minute))
})
