// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// siege is what another site's page tries, from within the browser of a person who has the console open: each trial reports "held" or what it got.
const siege = `(async (at, place, key) => {
  const wait = (element, url, attribute = "src") => new Promise((done) => {
    element.onload = () => done("got it");
    element.onerror = () => done("held");
    element[attribute] = url;
    document.body.append(element);
  });
  const tried = async (attempt) => { try { return await attempt(); } catch { return "held"; } };
  const read = (path, options) => tried(async () => "got " + (await (await fetch(at + path, options)).text()));
  const body = JSON.stringify({keys: [key], message: "from another site"});
  return {
    read: await read(place + "/sessions"),
    readWithCookies: await read(place + "/sessions", {credentials: "include"}),
    post: await read(place + "/terminate", {method: "POST", credentials: "include", body}),
    postAsJSON: await read(place + "/terminate", {method: "POST", credentials: "include", body, headers: {"Content-Type": "application/json"}}),
    blindPost: await tried(async () => { await fetch(at + place + "/terminate", {method: "POST", mode: "no-cors", credentials: "include", body}); return "held"; }),
    image: await wait(new Image(), at + "/assets/icon.svg"),
    script: await wait(document.createElement("script"), at + "/assets/console.js"),
    stream: await new Promise((done) => {
      const source = new EventSource(at + place + "/events", {withCredentials: true});
      source.addEventListener("versions", () => done("got it"));
      source.onerror = () => { source.close(); done("held"); };
    }),
  };
})`

var _ = Describe("Strangers", func() {
	It("get nothing from another site's page in the same browser, and end nothing", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		s := p.signOn(ctx, "desk", gatewayapi.Login{UserName: "ann"})
		t := see(ctx, startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns))
		Eventually(t.count(rowOf(s))).WithContext(ctx).Should(Equal(1))
		here, err := url.Parse(eval[string](t, "location.href"))
		Expect(err).NotTo(HaveOccurred())
		at, way := "http://"+here.Host, strings.TrimSuffix(here.Path, "/")

		var cookies atomic.Int32
		site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") != "" {
				cookies.Add(1)
			}
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<title>Another site</title><body>")
		}))
		DeferCleanup(site.Close)
		port := site.URL[strings.LastIndex(site.URL, ":"):]
		for _, origin := range []string{site.URL, "http://evil.stranger.example" + port} {
			By("the site at " + origin)
			evil := t.another(origin)
			got := eval[map[string]string](evil, fmt.Sprintf("%s(%q, %q, %q)", siege, at, way, p.ns+"/"+s.Name+"/"+s.UID))
			Expect(got).To(HaveLen(8))
			for trial, result := range got {
				Expect(result).To(Equal("held"), trial)
			}

			By("a form that it sends")
			eval[any](evil, fmt.Sprintf(`(() => {
				const form = document.createElement("form");
				form.method = "POST"; form.enctype = "text/plain"; form.action = %q;
				document.body.append(form); form.submit();
			})()`, at+way+"/terminate"))
			Eventually(evil.text("body")).WithContext(ctx).Should(ContainSubstring("sent by another site"))

			By("a frame around the page")
			framing := t.another(origin)
			eval[any](framing, fmt.Sprintf(`new Promise((done) => {
				const frame = document.createElement("iframe");
				frame.onload = frame.onerror = () => done(0);
				frame.src = %q;
				document.body.append(frame);
			})`, at+way+"/"))
			Eventually(framing.heard).WithContext(ctx).Should(ContainElement(Or(ContainSubstring("403"), ContainSubstring("frame-ancestors"))))
		}
		Expect(cookies.Load()).To(BeZero(), "no other port of this machine may get the cookie")
		Expect(p.record(ctx, s.Name).Spec.Termination).To(BeNil())
		Expect(t.count(rowOf(s))()).To(Equal(1))
	})

	It("get nothing by a name that leads to this machine", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("desk").Concurrent(5).Obj())
		c := startConsole(ctx, op.AdminKubeconfig(), "-n", p.ns)
		rebound := strings.Replace(c.url(0)(), "127.0.0.1", "rebound.stranger.example", 1)
		t := browse(rebound)
		Eventually(t.text("body")).WithContext(ctx).Should(HavePrefix("The Host header must be 127.0.0.1:"))
		Expect(c.url(1)()).To(BeEmpty(), "the secret must not have been used up")
		see(ctx, c)
	})
})
