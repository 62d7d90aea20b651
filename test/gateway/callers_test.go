// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// flood makes a call so often, and so many at once, that one of them is told to wait.
func flood(call func() (fmt.Stringer, error)) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		said := make([]string, 100)
		var all sync.WaitGroup
		for i := range said {
			all.Go(func() {
				if a, err := call(); err != nil {
					said[i] = err.Error()
				} else {
					said[i] = a.String()
				}
			})
		}
		all.Wait()
		g.Expect(said).To(ContainElement("429 TooManyRequests: Try again after the time that Retry-After states."))
		g.Expect(said).To(HaveEach(Or(HavePrefix("20"), HavePrefix("409"), HavePrefix("429"), HavePrefix("503 TooManyWaiting"))))
	}).Should(Succeed())
}

// serverCalls are the calls of application servers.
func serverCalls(ctx context.Context, g *replica.Gateway, token, ns string) []string {
	GinkgoHelper()
	login, err := g.SignOn(ctx, token, ns, "p", user("ann"), now)
	Expect(err).NotTo(HaveOccurred())
	pool, err := g.Pool(ctx, token, ns, "p")
	Expect(err).NotTo(HaveOccurred())
	bulk, err := g.Bulk(ctx, token, ns, gatewayapi.BulkHeartbeat{Name: "s", UID: "0f5d6a3e-88e5-4c3a-9a6d-0f6a9f0f2c11"})
	Expect(err).NotTo(HaveOccurred())
	return []string{login.String(), pool.String(), bulk.String()}
}

var _ = Describe("An application server", func() {
	var p *place
	BeforeEach(func(ctx SpecContext) { p = somewhere(ctx, MakeLicensePool("p").Concurrent(5).Obj()) })

	It("is whoever has a token for the gateway and may sign users on there", func(ctx SpecContext) {
		Expect(serverCalls(ctx, one, p.token, p.ns)).To(HaveExactElements("201", "200", "200"))
	})

	DescribeTable("without a good token is refused: 401, whatever is wrong with it",
		func(ctx SpecContext, tokenOf func(ctx SpecContext) string) {
			token := tokenOf(ctx)
			Expect(serverCalls(ctx, one, token, p.ns)).To(HaveEach(Equal(
				"401 Unauthenticated: The request must carry a valid token: Authorization: Bearer <token>.")))
			Expect(p.sessions(ctx)).To(BeEmpty())
		},
		Entry("no token", func(SpecContext) string { return "" }),
		Entry("rubbish", func(SpecContext) string { return "rubbish" }),
		Entry("a very long token", func(SpecContext) string { return strings.Repeat("x", 8000) }),
		Entry("a token that was tampered with", func(SpecContext) string { return p.token[:len(p.token)-8] + "AAAAAAAA" }),
		Entry("a token without its signature", func(SpecContext) string { return p.token[:strings.LastIndex(p.token, ".")+1] }),
		Entry("a pod's default token, which is for the API server", func(ctx SpecContext) string {
			token, err := op.Token(ctx, p.ns, "portal")
			Expect(err).NotTo(HaveOccurred())
			return token
		}),
		Entry("a token for another service", func(ctx SpecContext) string {
			token, err := op.Token(ctx, p.ns, "portal", "vault")
			Expect(err).NotTo(HaveOccurred())
			return token
		}),
		Entry("a session's token", func(ctx SpecContext) string {
			s := p.signedOn(ctx, one, user("bob"))
			Expect(one.SignOut(ctx, s.Token)).To(be("204"))
			Expect(op.API.DeleteAllOf(ctx, MakeUserSession("x").Obj(), inNamespace(p.ns))).To(Succeed())
			Eventually(func() int { return len(p.sessions(ctx)) }).Should(BeZero())
			return s.Token
		}),
	)

	It("must state its token in one way", func(ctx SpecContext) {
		path := "/v1/namespaces/" + p.ns + "/pools/p"
		for _, header := range [][]string{
			{"Bearer"}, {"Bearer "}, {"Basic " + p.token}, {p.token}, {"Bearer " + p.token + " " + p.token}, {"Bearer " + p.token, "Bearer " + p.token},
		} {
			Expect(one.Do(ctx, http.MethodGet, path, "", http.Header{"Authorization": header}, nil)).To(be("401 Unauthenticated"))
		}
		Expect(one.Do(ctx, http.MethodGet, path, "", http.Header{"Authorization": {"bearer " + p.token}}, nil)).To(be("200"))
	})

	It("whose token is for the gateway and for others as well is taken", func(ctx SpecContext) {
		token, err := op.Token(ctx, p.ns, "portal", "vault", replica.Audience)
		Expect(err).NotTo(HaveOccurred())
		Expect(serverCalls(ctx, two, token, p.ns)).To(HaveExactElements("201", "200", "200"))
	})

	It("without the permission is refused: 403, in a sentence that says which; also whether the pool exists or not", func(ctx SpecContext) {
		Expect(op.MakeServiceAccount(ctx, p.ns, "stranger")).To(Succeed())
		token, err := op.Token(ctx, p.ns, "stranger", replica.Audience)
		Expect(err).NotTo(HaveOccurred())
		said := "403 Forbidden: The caller must be allowed to create usersessions.licensing.seatkeeper.dev in namespace "
		Expect(serverCalls(ctx, one, token, p.ns)).To(HaveEach(Equal(said + p.ns + ".")))
		Expect(one.Pool(ctx, token, p.ns, "no-such-pool")).To(be(said))
		elsewhere := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		Expect(serverCalls(ctx, two, p.token, elsewhere.ns)).To(HaveEach(Equal(said + elsewhere.ns + ".")))
		Expect(serverCalls(ctx, two, p.token, "no-such-namespace")).To(HaveEach(Equal(said + "no-such-namespace.")))
		Expect(p.sessions(ctx)).To(BeEmpty())
		Expect(elsewhere.sessions(ctx)).To(BeEmpty())
	})

	It("may act where it was given leave, in the namespaces of others too", func(ctx SpecContext) {
		elsewhere := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		Expect(op.AllowSignOn(ctx, elsewhere.ns, p.ns, "portal")).To(Succeed())
		Expect(serverCalls(ctx, one, p.token, elsewhere.ns)).To(HaveExactElements("201", "200", "200"))
	})

	It("that asks too often is told to wait: 429 with Retry-After; others are not", func(ctx SpecContext) {
		neighbour, err := op.AppServer(ctx, p.ns, "neighbour")
		Expect(err).NotTo(HaveOccurred())
		// From an address of its own: what one address may ask is bounded as well.
		hasty := from("127.0.0.8", strict.URL)
		for _, call := range []func() (fmt.Stringer, error){
			func() (fmt.Stringer, error) { return hasty.Pool(ctx, p.token, p.ns, "p") },
			func() (fmt.Stringer, error) { return p.signOn(ctx, hasty, user("ann"), now) },
			func() (fmt.Stringer, error) {
				return hasty.Bulk(ctx, p.token, p.ns, gatewayapi.BulkHeartbeat{Name: "s", UID: "u"})
			},
		} {
			flood(call)
		}
		Expect(three.Pool(ctx, neighbour, p.ns, "p")).To(be("200"))
		Eventually(func() (*replica.Answer[gatewayapi.PoolUsage], error) { return hasty.Pool(ctx, p.token, p.ns, "p") }).WithPolling(time.Second).Should(be("200"))
	})
})

var _ = inShadow("The token of a service account that was deleted is refused within half a minute", func(ctx context.Context) func(context.Context, Gomega) {
	p := somewhere(ctx, MakeLicensePool("p").Concurrent(5).Obj())
	for _, g := range []*replica.Gateway{one, two} {
		Expect(g.Pool(ctx, p.token, p.ns, "p")).To(be("200"))
	}
	Expect(op.Kube.CoreV1().ServiceAccounts(p.ns).Delete(ctx, "portal", metav1.DeleteOptions{})).To(Succeed())
	deleted := time.Now()
	return func(ctx context.Context, g Gomega) {
		for _, gateway := range []*replica.Gateway{one, two} {
			g.Eventually(func(g Gomega) {
				a, err := gateway.Pool(ctx, p.token, p.ns, "p")
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(a).To(be("401 Unauthenticated"))
			}).WithTimeout(30 * time.Second).Should(Succeed())
		}
		g.Expect(time.Since(deleted)).To(BeNumerically("<", 40*time.Second))
	}
})

var _ = inShadow("A permission that was taken away is gone within half a minute", func(ctx context.Context) func(context.Context, Gomega) {
	p := somewhere(ctx, MakeLicensePool("p").Concurrent(5).Obj())
	Expect(one.Pool(ctx, p.token, p.ns, "p")).To(be("200"))
	Expect(op.Kube.RbacV1().RoleBindings(p.ns).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})).To(Succeed())
	return func(ctx context.Context, g Gomega) {
		g.Eventually(func(g Gomega) {
			a, err := one.Pool(ctx, p.token, p.ns, "p")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(a).To(be("403 Forbidden"))
		}).WithTimeout(30 * time.Second).Should(Succeed())
	}
})
