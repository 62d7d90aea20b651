// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

func key(name string) replica.SignOnOptions { return replica.SignOnOptions{Key: name} }

var _ = Describe("A login with an Idempotency-Key", func() {
	It("is answered 201 once and 200 from then on, through any replica, with tokens that are all good", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(2).Obj())
		made, err := p.signOn(ctx, one, user("ann"), key("k"))
		Expect(err).NotTo(HaveOccurred())
		Expect(made).To(be("201"))
		for _, g := range []*replica.Gateway{one, two} {
			again, err := p.signOn(ctx, g, user("ann"), key("k"))
			Expect(err).NotTo(HaveOccurred())
			Expect(again).To(be("200"))
			Expect(again.OK.UID).To(Equal(made.OK.UID))
			Expect(again.OK.LogonTime).To(BeTemporally("==", made.OK.LogonTime))
			Expect(g.Beat(ctx, again.OK.Token, nil)).To(be("200"))
		}
		Expect(two.Beat(ctx, made.OK.Token, nil)).To(be("200"))
		Expect(p.sessions(ctx)).To(HaveLen(1))
	})

	It("from 20 connections at once over two replicas makes one session", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(20).SeatPer(licensing.SeatPerUser).Obj())
		var mu sync.Mutex
		statuses, uids := map[int]int{}, map[string]bool{}
		var problems []string
		var all sync.WaitGroup
		for i := range 20 {
			r := first
			if i%2 == 1 {
				r = second
			}
			all.Go(func() {
				g := watched(r.Gateway()) // a connection of its own
				defer g.Close()
				a, err := p.signOn(ctx, g, user("ann"), key("k"))
				mu.Lock()
				defer mu.Unlock()
				if err != nil || a.OK == nil {
					problems = append(problems, fmt.Sprint(a, err))
					return
				}
				statuses[a.Status]++
				uids[a.OK.UID] = true
			})
		}
		all.Wait()
		Expect(problems).To(BeEmpty())
		Expect(uids).To(HaveLen(1))
		Expect(statuses).To(Equal(map[int]int{http.StatusCreated: 1, http.StatusOK: 19}))
		Expect(p.sessions(ctx)).To(HaveLen(1))
		p.seated(ctx, 1)
	})

	It("whose answer was lost finds its session through the other replica", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		hangUp(ctx, first, p, user("ann"), "k", "")
		// With a key the seat is kept for who comes back.
		Eventually(func() []licensing.UserSession { return p.sessions(ctx) }).Should(Or(BeEmpty(), HaveEach(HaveField("Status.State", licensing.SessionActive))))
		again, err := p.signOn(ctx, two, user("ann"), key("k"))
		Expect(err).NotTo(HaveOccurred())
		Expect(again).To(Or(be("200"), be("201")))
		Expect(two.Beat(ctx, again.OK.Token, nil)).To(be("200"))
		Eventually(func() []licensing.UserSession { return p.sessions(ctx) }).Should(ConsistOf(HaveField("UID", BeEquivalentTo(again.OK.UID))))
		Consistently(func() []licensing.UserSession { return p.live(ctx) }).Should(HaveLen(1))
	})

	It("is refused for other facts: 422", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(2).Obj())
		Expect(p.signOn(ctx, one, user("ann"), key("k"))).To(be("201"))
		other := user("ann")
		other.InstanceName = "elsewhere"
		for _, login := range []gatewayapi.Login{user("bob"), other} {
			Expect(p.signOn(ctx, two, login, key("k"))).To(be("422 IdempotencyKeyReused: This Idempotency-Key was used for a login with other facts; a new login must have a new key."))
		}
		Expect(p.sessions(ctx)).To(HaveLen(1))
	})

	It("is each caller's own, and each pool's", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(9).Obj(), MakeLicensePool("q").Concurrent(9).Obj())
		other, err := op.AppServer(ctx, p.ns, "other")
		Expect(err).NotTo(HaveOccurred())
		Expect(p.signOn(ctx, one, user("ann"), key("k"))).To(be("201"))
		Expect(one.SignOn(ctx, p.token, p.ns, "q", user("ann"), key("k"))).To(be("201"))
		Expect(one.SignOn(ctx, other, p.ns, "p", user("ann"), key("k"))).To(be("201"))
		Expect(p.sessions(ctx)).To(HaveLen(3))
	})

	It("whose session has ended is told so: 410 with how, by whom and when", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		made, err := p.signOn(ctx, one, user("ann"), key("k"))
		Expect(err).NotTo(HaveOccurred())
		Expect(made).To(be("201"))
		s := p.record(ctx, made.OK.Name)
		before := s.DeepCopy()
		s.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterAdministrator, Message: "Maintenance at nine."}
		Expect(api.Patch(ctx, s, client.MergeFrom(before))).To(Succeed())
		p.seated(ctx, 0)
		for _, g := range []*replica.Gateway{one, two} {
			again, err := p.signOn(ctx, g, user("ann"), key("k"))
			Expect(err).NotTo(HaveOccurred())
			Expect(again).To(be("410 Terminated: Maintenance at nine."))
			Expect(again.Problem.TerminationAction).To(BeEquivalentTo(licensing.RequestedByAdministrator))
			Expect(again.Problem.TerminatedTime).To(HaveValue(BeTemporally("~", time.Now(), time.Minute)))
		}
		Expect(p.live(ctx)).To(BeEmpty())
	})

	It("must be 1 to 255 printable ASCII characters", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(9).Obj())
		Expect(p.signOn(ctx, one, user("ann"), key(strings.Repeat("k", 255)))).To(be("201"))
		Expect(p.signOn(ctx, one, user("ann"), key("with spaces, and ~ too"))).To(be("201"))
		for _, bad := range []string{strings.Repeat("k", 256), "smörgås", "tab\there"} {
			Expect(p.signOn(ctx, one, user("ann"), key(bad))).To(be("400 BadRequest: Idempotency-Key must be 1 to 255 printable ASCII characters."))
		}
	})
})

// hangUp sends a login over a connection of its own, and closes that as soon as the request is sent.
func hangUp(ctx context.Context, r *replica.Replica, p *place, login gatewayapi.Login, key, wait string) {
	GinkgoHelper()
	conn := sendLogin(ctx, r, p, login, key, wait)
	Expect(conn.Close()).To(Succeed())
}

// sendLogin sends a login over a connection of its own, and leaves the answer to be read.
func sendLogin(ctx context.Context, r *replica.Replica, p *place, login gatewayapi.Login, key, wait string) net.Conn {
	GinkgoHelper()
	body, err := json.Marshal(login)
	Expect(err).NotTo(HaveOccurred())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL+"/v1/namespaces/"+p.ns+"/pools/p/sessions", strings.NewReader(string(body)))
	Expect(err).NotTo(HaveOccurred())
	if wait != "" {
		request.URL.RawQuery = "wait=" + wait
	}
	if key != "" {
		request.Header.Set(gatewayapi.HeaderIdempotencyKey, key)
	}
	request.Header.Set("Authorization", "Bearer "+p.token)
	request.Header.Set("Content-Type", "application/json")
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Address)
	Expect(err).NotTo(HaveOccurred())
	buffer := bufio.NewWriter(conn)
	Expect(request.Write(buffer)).To(Succeed())
	Expect(buffer.Flush()).To(Succeed())
	return conn
}
