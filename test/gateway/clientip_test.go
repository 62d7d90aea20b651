// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// from makes calls to a URL from another loopback address, with these headers on each.
func from(ip, url string, headers ...string) *replica.Gateway {
	g := replica.Dial(url)
	transport := g.HTTP.Transport.(*http.Transport)
	transport.DialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).DialContext
	g = watched(g)
	g.HTTP.Transport = &heading{g.HTTP.Transport, headers}
	return g
}

// heading sets headers: names and values in turn.
type heading struct {
	http.RoundTripper
	headers []string
}

func (h *heading) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	for i := 0; i < len(h.headers); i += 2 {
		request.Header.Add(h.headers[i], h.headers[i+1])
	}
	return h.RoundTripper.RoundTrip(request)
}

// addressSeen is where the gateway believes a login to come from.
func (p *place) addressSeen(ctx context.Context, g *replica.Gateway) string {
	GinkgoHelper()
	s := p.signedOn(ctx, g, user("ann"))
	record := p.record(ctx, s.Name)
	Expect(record.Spec.Client).NotTo(BeNil())
	return record.Spec.Client.IP
}

var _ = Describe("The client's address (B5)", func() {
	var p *place
	BeforeEach(func(ctx SpecContext) {
		p = somewhere(ctx, MakeLicensePool("p").Concurrent(9).ClientIPCheck(licensing.ClientIPCheckEnforced).OnClientExit(licensing.ExitEndSession).Obj())
	})

	It("is the connection's, and what a client claims is not believed", func(ctx SpecContext) {
		Expect(p.addressSeen(ctx, one)).To(Equal("127.0.0.1"))
		Expect(p.addressSeen(ctx, from("127.0.0.2", first.URL))).To(Equal("127.0.0.2"))
		for _, g := range []*replica.Gateway{
			from("127.0.0.1", first.URL, "X-Forwarded-For", "192.0.2.66"), from("127.0.0.1", first.URL, "Forwarded", "for=192.0.2.66"),
			from("127.0.0.1", first.URL, "X-Real-Ip", "192.0.2.66"),
		} {
			Expect(p.addressSeen(ctx, g)).To(Equal("127.0.0.1"))
		}
		Expect(p.addressSeen(ctx, from("127.0.0.2", strict.URL, "X-Forwarded-For", "192.0.2.66"))).To(Equal("127.0.0.2"), "the replica trusts 127.0.0.1 alone")
	})

	It("is what a trusted proxy says", func(ctx SpecContext) {
		for header, want := range map[[2]string]string{
			{"X-Forwarded-For", "192.0.2.66"}:                        "192.0.2.66",
			{"X-Forwarded-For", "6.6.6.6, 192.0.2.66, 127.0.0.1"}:    "192.0.2.66",
			{"X-Forwarded-For", "2001:db8::17"}:                      "2001:db8::17",
			{"Forwarded", `for="[2001:db8::17]:4711";proto=https`}:   "2001:db8::17",
			{"Forwarded", "for=6.6.6.6, for=192.0.2.66;by=10.1.1.1"}: "192.0.2.66",
			{"Forwarded", "for=unknown"}:                             "127.0.0.1",
			{"X-Forwarded-For", "nonsense"}:                          "127.0.0.1",
		} {
			Expect(p.addressSeen(ctx, from("127.0.0.1", strict.URL, header[0], header[1]))).To(Equal(want), "%v", header)
		}
	})

	It("that an application server states for its user counts", func(ctx SpecContext) {
		login := user("ann")
		login.Client = &gatewayapi.Client{IP: "192.0.2.17"}
		s := p.signedOn(ctx, one, login)
		Expect(three.Beat(ctx, s.Token, nil)).To(be("403 ClientAddressRefused"))
		Expect(from("127.0.0.1", strict.URL, "X-Forwarded-For", "192.0.2.17").Beat(ctx, s.Token, nil)).To(be("200"))
	})

	It("must stay the same where the pool enforces it: 403 for every call, and the session goes on", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		stranger := from("127.0.0.2", second.URL)
		Expect(sessionCalls(ctx, stranger, s.Token)).To(HaveEach(Equal(
			"403 ClientAddressRefused: The session must be used from the address that it was signed on from.")))
		Expect(two.Beat(ctx, s.Token, nil)).To(be("200"))
		Expect(p.live(ctx)).To(HaveLen(1))
		// An application server may speak for it from wherever that is.
		bulk, err := stranger.Bulk(ctx, p.token, p.ns, gatewayapi.BulkHeartbeat{Name: s.Name, UID: s.UID})
		Expect(err).NotTo(HaveOccurred())
		Expect(bulk.OK.Heartbeats).To(ConsistOf(HaveField("Status", 200)))
	})

	It("may change where the pool ignores it", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(9).ClientIPCheck(licensing.ClientIPCheckIgnored).Obj())
		s := p.signedOn(ctx, one, user("ann"))
		Expect(from("127.0.0.2", second.URL).Beat(ctx, s.Token, nil)).To(be("200"))
	})
})

var _ = Describe("Behind nginx", Ordered, func() {
	var n *nginx
	BeforeAll(func(ctx SpecContext) { n = startNginx(ctx, strict.Address) })

	It("the client's address is the one that nginx saw, whatever the client claims", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(9).Obj())
		for _, url := range []string{n.listing, n.forwarding} {
			Expect(p.addressSeen(ctx, from("127.0.0.2", url))).To(Equal("127.0.0.2"))
		}
		Expect(p.addressSeen(ctx, from("127.0.0.2", n.listing, "X-Forwarded-For", "192.0.2.66"))).To(Equal("127.0.0.2"))
		Expect(p.addressSeen(ctx, from("127.0.0.2", n.forwarding, "Forwarded", "for=192.0.2.66"))).To(Equal("127.0.0.2"))
		// What nginx does not write it passes on as the client made it up: the two do not agree, and neither is believed.
		Expect(p.addressSeen(ctx, from("127.0.0.2", n.listing, "Forwarded", "for=192.0.2.66"))).To(Equal("127.0.0.1"))
		Expect(p.addressSeen(ctx, from("127.0.0.2", n.forwarding, "X-Forwarded-For", "192.0.2.66"))).To(Equal("127.0.0.1"))
	})

	It("a session is refused to another address, and not to its own", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(9).ClientIPCheck(licensing.ClientIPCheckEnforced).Obj())
		own := from("127.0.0.2", n.listing)
		s := p.signedOn(ctx, own, user("ann"))
		Expect(own.Beat(ctx, s.Token, nil)).To(be("200"))
		Expect(from("127.0.0.2", n.forwarding).Beat(ctx, s.Token, nil)).To(be("200"))
		Expect(from("127.0.0.3", n.listing).Beat(ctx, s.Token, nil)).To(be("403 ClientAddressRefused"))
		Expect(from("127.0.0.3", n.listing, "X-Forwarded-For", "127.0.0.2").Beat(ctx, s.Token, nil)).To(be("403 ClientAddressRefused"))
		Expect(own.Beat(ctx, s.Token, nil)).To(be("200"))
	})

	It("events come through as they happen, and a login may wait", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		g := from("127.0.0.2", n.listing)
		s := p.signedOn(ctx, g, user("ann"))
		events := follow(ctx, g, s.Token)
		outcomes := make(chan outcome, 1)
		p.waits(ctx, g, "bob", replica.SignOnOptions{Wait: time.Minute}, outcomes)
		p.terminate(ctx, s.Name, "Go home.")
		Expect(events.terminated().Detail).To(Equal("Go home."))
		Eventually(outcomes).Should(Receive(HaveField("Status", http.StatusCreated)))
	})

	It("a caller that goes away while it waits leaves nobody waiting", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		g := from("127.0.0.2", n.listing)
		p.signedOn(ctx, g, user("ann"))
		leaving, leave := context.WithCancel(ctx)
		defer leave()
		outcomes := make(chan outcome, 1)
		p.waits(leaving, g, "bob", replica.SignOnOptions{Wait: time.Minute}, outcomes)
		leave()
		Eventually(func() string {
			var names []string
			for _, s := range p.pending(ctx) {
				names = append(names, s.Spec.UserName)
			}
			return strings.Join(names, " ")
		}).Should(BeEmpty())
	})
})
