// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	"context"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// alternatingClients send each heartbeat to another replica than the one before, over more than two idle timeouts. Meanwhile another pool is deleted, just before its sessions' activity would be
// written, and applied again after their deadlines on record: nobody ends.
func alternatingClients(ctx context.Context) {
	s := newSite(ctx, shared, false, seatPool("p", 10), seatPool("q", 10))
	defer s.close(ctx)
	began := time.Now()
	gateways := [2]*replica.Gateway{s.replica(0).Gateway(), s.replica(1).Gateway()}
	alternate := func(n int) *replica.Gateway { return gateways[n%2] }

	busy := s.signOnPlain(ctx, "p", "busy", beat, alternate, always)
	// Whose user does something once in 55 s, and not always through the same replica.
	rare := s.signOnPlain(ctx, "p", "rare", beat, alternate, func(n int) bool { return n%11 == 0 })
	c, err := client.New(client.Options{URL: s.replica(0).URL, Token: s.serverToken, HTTPClient: &http.Client{Transport: &alternating{
		hosts: [2]string{s.replica(0).Address, s.replica(1).Address}, next: http.DefaultTransport.(*http.Transport).Clone()}}})
	Expect(err).NotTo(HaveOccurred())
	library := s.signOn(ctx, c, "p", "library", false)
	library.work()

	reapply(ctx, s)

	sleepUntil(ctx, began.Add(2*idle+10*time.Second))
	healthy(ctx, library)
	busy.stop()
	rare.stop()
	s.settled(ctx, "p", 3)
}

// reapply deletes the pool q under its clients and applies it again.
func reapply(ctx context.Context, s *site) {
	GinkgoHelper()
	users := s.signOnAll(ctx, s.dial(s.front.URL()), "q", "gitops", 5)
	beats := s.signOnPlain(ctx, "q", "plain", beat, sameGateway(s.replica(0).URL), always)
	began := users[0].lastActive()
	sleepUntil(ctx, began.Add(12*time.Second))
	Expect(s.API.Delete(ctx, seatPool("q", 10).Namespace(s.ns).Obj())).To(Succeed())
	for i := range s.replicas {
		Eventually(func() (string, error) {
			a, err := s.replica(i).Gateway().SignOn(ctx, s.token, s.ns, "q", gatewayapi.Login{UserName: "nobody"}, replica.SignOnOptions{})
			return a.Reason(), err
		}).WithContext(ctx).Should(Equal(gatewayapi.ReasonPoolNotFound))
	}
	sleepUntil(ctx, began.Add(idle+5*time.Second))
	Expect(s.API.Create(ctx, seatPool("q", 10).Namespace(s.ns).Obj())).To(Succeed())
	late := s.signOn(ctx, s.dial(s.front.URL()), "q", "late", false)
	late.work()
	sleepUntil(ctx, began.Add(idle+30*time.Second))
	healthy(ctx, append(users, late)...)
	beats.stop()
	s.settled(ctx, "q", 7)
}

// alternating sends each request to another host than the one before.
type alternating struct {
	hosts [2]string
	next  http.RoundTripper
	turn  atomic.Int64
}

func (a *alternating) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL = &url.URL{Scheme: r.URL.Scheme, Host: a.hosts[a.turn.Add(1)%2], Path: r.URL.Path, RawQuery: r.URL.RawQuery}
	return a.next.RoundTrip(r)
}
