// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// outcome is what became of a login that waits.
type outcome struct {
	user string
	*replica.Answer[gatewayapi.SignedOn]
	err error
}

func (o outcome) String() string {
	if o.err != nil {
		return o.user + " " + o.err.Error()
	}
	return o.user + " " + o.Answer.String()
}

// waits signs a user on beside the spec, with ?wait=, and tells what became of it.
func (p *place) waits(ctx context.Context, g *replica.Gateway, name string, o replica.SignOnOptions, outcomes chan<- outcome) {
	GinkgoHelper()
	before := len(p.pending(ctx))
	go func() {
		a, err := p.signOn(ctx, g, user(name), o)
		outcomes <- outcome{name, a, err}
	}()
	// Whoever comes next comes later: first come is by the API server's order.
	Eventually(func() []licensing.UserSession { return p.pending(ctx) }).WithContext(ctx).Should(HaveLen(before + 1))
}

// pending lists the sessions that wait for a seat.
func (p *place) pending(ctx context.Context) []licensing.UserSession {
	GinkgoHelper()
	var waiting []licensing.UserSession
	for _, s := range p.sessions(ctx) {
		if s.Status.State == "" || s.Status.State == licensing.SessionPending {
			waiting = append(waiting, s)
		}
	}
	return waiting
}

var _ = Describe("A login that waits", func() {
	const long = 2 * time.Minute

	It("gets a seat first come first served, over both replicas", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		holder := p.signedOn(ctx, one, user("holder"))
		outcomes := make(chan outcome, 4)
		for i, g := range []*replica.Gateway{one, two, two, one} {
			p.waits(ctx, g, fmt.Sprintf("user-%d", i), replica.SignOnOptions{Wait: long}, outcomes)
		}
		for i := range 4 {
			Consistently(outcomes).WithTimeout(100 * time.Millisecond).ShouldNot(Receive())
			Expect(one.SignOut(ctx, holder.Token)).To(be("204"))
			var o outcome
			Eventually(outcomes).Should(Receive(&o))
			Expect(o.String()).To(Equal(fmt.Sprintf("user-%d 201", i)))
			holder = o.OK
		}
		p.seated(ctx, 1)
	})

	It("is answered 409 WaitExpired when no seat came free in time, and leaves nothing behind that counts", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		p.signedOn(ctx, one, user("holder"))
		Expect(p.signOn(ctx, two, user("ann"), replica.SignOnOptions{Wait: time.Second})).To(be("409 WaitExpired"))
		Expect(p.pending(ctx)).To(BeEmpty())
		Expect(p.live(ctx)).To(HaveLen(1))
	})

	It("whose caller goes away leaves no seat taken and nobody waiting", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		holder := p.signedOn(ctx, one, user("holder"))
		leaving, leave := context.WithCancel(ctx)
		defer leave()
		outcomes := make(chan outcome, 2)
		p.waits(leaving, two, "gone", replica.SignOnOptions{Wait: long}, outcomes)
		p.waits(ctx, one, "patient", replica.SignOnOptions{Wait: long}, outcomes)
		leave()
		var o outcome
		Eventually(outcomes).Should(Receive(&o))
		Expect(o.err).To(MatchError(context.Canceled))
		Eventually(func() []licensing.UserSession { return p.pending(ctx) }).Should(ConsistOf(HaveField("Spec.UserName", BeEquivalentTo("patient"))))
		Expect(one.SignOut(ctx, holder.Token)).To(be("204"))
		Eventually(outcomes).Should(Receive(&o))
		Expect(o.String()).To(Equal("patient 201"))
	})

	It("under a key, whose caller goes away, leaves nobody waiting either, and can come back", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		holder := p.signedOn(ctx, one, user("holder"))
		leaving, leave := context.WithCancel(ctx)
		defer leave()
		outcomes := make(chan outcome, 2)
		p.waits(leaving, two, "ann", replica.SignOnOptions{Wait: long, Key: "k"}, outcomes)
		leave()
		Eventually(outcomes).Should(Receive())
		Eventually(func() []licensing.UserSession { return p.pending(ctx) }).Should(BeEmpty())
		p.waits(ctx, one, "ann", replica.SignOnOptions{Wait: long, Key: "k"}, outcomes)
		Expect(one.SignOut(ctx, holder.Token)).To(be("204"))
		var o outcome
		Eventually(outcomes).Should(Receive(&o))
		Expect(o.String()).To(HavePrefix("ann 20"))
		Expect(p.live(ctx)).To(HaveLen(1))
	})

	It("on two connections under one key goes on when one of them goes away", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		holder := p.signedOn(ctx, one, user("holder"))
		leaving, leave := context.WithCancel(ctx)
		defer leave()
		outcomes, gone := make(chan outcome, 1), make(chan outcome, 1)
		p.waits(leaving, one, "ann", replica.SignOnOptions{Wait: long, Key: "k"}, gone)
		go func() {
			a, err := p.signOn(ctx, one, user("ann"), replica.SignOnOptions{Wait: long, Key: "k"})
			outcomes <- outcome{"ann", a, err}
		}()
		Eventually(func() int { return waiting(ctx) }).Should(Equal(2))
		leave()
		Eventually(gone).Should(Receive())
		Eventually(func() int { return waiting(ctx) }).Should(Equal(1))
		Expect(two.SignOut(ctx, holder.Token)).To(be("204"))
		var o outcome
		Eventually(outcomes).Should(Receive(&o))
		Expect(o.String()).To(HavePrefix("ann 20"))
		Expect(p.sessions(ctx)).To(HaveLen(2))
	})

	// The caller is gone before its answer: before the session is made, while it waits, in the moment of its grant, or just after. Many tries meet them all.
	It("without a key, whose caller goes away around the moment of the grant, leaves no seat taken", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(40).Obj())
		before := answered(ctx)
		for i := range 30 {
			r := []*replica.Replica{first, second}[i%2]
			conn := sendLogin(ctx, r, p, user(fmt.Sprintf("user-%d", i)), "", "")
			time.Sleep(time.Duration(i) * time.Millisecond) // to meet another moment each time, not to wait for anything
			Expect(conn.Close()).To(Succeed())
		}
		// An answer that was on its way when the caller left was given, as far as a gateway can know: its seat comes free when the client is taken for lost.
		Eventually(func(g Gomega) {
			g.Expect(p.pending(ctx)).To(BeEmpty())
			g.Expect(len(p.live(ctx))).To(BeNumerically("<=", answered(ctx)-before))
		}).WithContext(ctx).WithTimeout(time.Minute).Should(Succeed())
		Consistently(func() []licensing.UserSession { return p.pending(ctx) }).Should(BeEmpty())
		Expect(answered(ctx)-before).To(BeNumerically("<", 30), "nobody left before the answer: the spec tried nothing")
		Expect(waiting(ctx)).To(BeZero())
	})

	It("must wait from 0s to 1h", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		for _, wait := range []string{"-1s", "61m", "1", "soon", "1h0m1s"} {
			Expect(one.Do(ctx, "POST", "/v1/namespaces/"+p.ns+"/pools/p/sessions?wait="+wait, p.token, jsonBody, []byte(`{"userName":"ann"}`))).
				To(be("400 BadRequest: wait must be a duration from 0s to 1h, as 30s or 2m."), "wait=%s", wait)
		}
	})
})

// answered is how many logins the first two replicas have answered with a new session so far.
func answered(ctx context.Context) int {
	GinkgoHelper()
	total := 0.0
	for _, r := range []*replica.Replica{first, second} {
		n, err := r.Metric(ctx, "seatkeeper_gateway_requests_total", `call="login"`, `code="201"`)
		Expect(err).NotTo(HaveOccurred())
		total += n
	}
	return int(total)
}

// waiting is how many logins wait at the first two replicas.
func waiting(ctx context.Context) int {
	GinkgoHelper()
	total := 0.0
	for _, r := range []*replica.Replica{first, second} {
		n, err := r.Metric(ctx, "seatkeeper_gateway_waiting")
		Expect(err).NotTo(HaveOccurred())
		total += n
	}
	return int(total)
}
