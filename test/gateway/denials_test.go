// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

var _ = Describe("A full pool", func() {
	It("refuses at once, and costs the API server no write (design 3)", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		p.signedOn(ctx, one, user("holder"))
		for _, g := range []*replica.Gateway{one, two} {
			Eventually(func(gm Gomega) { // the replica's own view shows the session, too
				before := sessionsCreated(ctx)
				a, err := p.signOn(ctx, g, user("early"), now)
				gm.Expect(err).NotTo(HaveOccurred())
				gm.Expect(a).To(be("409 SeatsExhausted"))
				gm.Expect(sessionsCreated(ctx)).To(Equal(before))
			}).WithContext(ctx).Should(Succeed())
		}
		sessions, denied := p.sessions(ctx), deniedByGateway(ctx, p.ns)
		created := sessionsCreated(ctx)
		for i := range 20 {
			g := []*replica.Gateway{one, two}[i%2]
			Expect(p.signOn(ctx, g, user(fmt.Sprintf("user-%d", i)), now)).To(be("409 SeatsExhausted"))
			Expect(p.signOn(ctx, g, user("keyed"), key(fmt.Sprintf("k-%d", i)))).To(be("409 SeatsExhausted"))
		}
		Expect(sessionsCreated(ctx)).To(Equal(created), "sessions that the API server was asked to create")
		Expect(p.sessions(ctx)).To(HaveLen(len(sessions)))
		Expect(deniedByGateway(ctx, p.ns)).To(Equal(denied + 20))
	})

	It("lets in who has a seat already, and whoever comes when one is free again", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		holder := p.signedOn(ctx, one, user("holder"))
		p.seen(ctx, two, 1)
		Expect(p.signOn(ctx, two, user("ann"), now)).To(be("409 SeatsExhausted"))
		shared := p.signedOn(ctx, two, user("holder"))
		Expect(one.SignOut(ctx, holder.Token)).To(be("204"))
		Expect(one.SignOut(ctx, shared.Token)).To(be("204"))
		p.seated(ctx, 0)
		p.seen(ctx, two, 0)
		p.signedOn(ctx, two, user("ann"))
	})
})

// deniedByGateway is how many logins the first replica has denied by itself for want of a seat.
func deniedByGateway(ctx SpecContext, ns string) int {
	GinkgoHelper()
	total, err := first.Metric(ctx, "seatkeeper_gateway_denials_total", `namespace="`+ns+`"`, `reason="SeatsExhausted"`)
	Expect(err).NotTo(HaveOccurred())
	return int(total)
}

// sessionsCreated is how many sessions the API server was asked to create so far.
func sessionsCreated(ctx SpecContext) int {
	GinkgoHelper()
	text, err := op.Kube.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred())
	total, err := replica.Sum(string(text), "apiserver_request_total", `resource="usersessions"`, `verb="POST"`)
	Expect(err).NotTo(HaveOccurred())
	return int(total)
}

var _ = Describe("Who may not sign on", func() {
	DescribeTable("is told why, and nothing is left behind",
		func(ctx SpecContext, said string, objects ...client.Object) {
			p := somewhere(ctx, objects...)
			Eventually(func(g Gomega) { // what counts is known: the pool, and whether its accounts hold a seat
				ready := &licensing.LicensePool{}
				g.Expect(api.Get(ctx, client.ObjectKey{Namespace: p.ns, Name: "p"}, ready)).To(Succeed())
				g.Expect(meta.IsStatusConditionTrue(ready.Status.Conditions, licensing.ConditionReady)).To(BeTrue())
			}).WithContext(ctx).Should(Succeed())
			for _, g := range []*replica.Gateway{one, two} {
				Expect(p.signOn(ctx, g, user("ann"), now)).To(be(said))
				Expect(p.signOn(ctx, g, user("ann"), replica.SignOnOptions{Wait: time.Minute, Key: "k"})).To(be(said))
			}
			Expect(p.live(ctx)).To(BeEmpty())
			Expect(p.pending(ctx)).To(BeEmpty())
		},
		Entry("a user without an account, where accounts are required", "403 AccountRequired", MakeLicensePool("p").Concurrent(1).AccountsOnly().Obj()),
		Entry("a user whose account is disabled", "403 AccountDisabled",
			MakeLicensePool("p").Concurrent(1).Obj(), MakeLicenseAccount("ann").Pool("p").User("ann").Concurrent().Disabled().Obj()),
		Entry("a user whose named account holds no seat", "403 AccountNotLicensed",
			MakeLicensePool("p").Named(0).Obj(), MakeLicenseAccount("ann").Pool("p").User("ann").Named().Obj()),
		Entry("a user of a model that the pool lacks", "403 ModelNotLicensed",
			MakeLicensePool("p").Named(1).Obj(), MakeLicenseAccount("ann").Pool("p").User("ann").Concurrent().Obj()),
		Entry("a user of a pool that is over", "403 PoolNotInForce", MakeLicensePool("p").Concurrent(1).NotAfter(time.Now().Add(-time.Hour)).Obj()),
		Entry("a user of a pool that has not begun", "403 PoolNotInForce", MakeLicensePool("p").Concurrent(1).NotBefore(time.Now().Add(time.Hour)).Obj()),
	)

	It("is a user who has as many sessions as one may have", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(5).MaxPerUser(2, licensing.LimitDeny).Obj())
		p.signedOn(ctx, one, user("ann"))
		earlier := p.signedOn(ctx, two, user("ann"))
		Eventually(func() (*replica.Answer[gatewayapi.SignedOn], error) { return p.signOn(ctx, one, user("ann"), now) }).Should(be("409 UserLimitReached"))
		p.signedOn(ctx, one, user("bob"))
		Expect(one.SignOut(ctx, earlier.Token)).To(be("204"))
		Eventually(func() (*replica.Answer[gatewayapi.SignedOn], error) { return p.signOn(ctx, one, user("ann"), now) }).Should(be("201"))
	})

	It("displaces the oldest session where the pool says so, and that client is told", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(5).MaxPerUser(1, licensing.LimitTerminateOldest).Obj())
		oldest := p.signedOn(ctx, one, user("ann"))
		events := follow(ctx, two, oldest.Token)
		p.signedOn(ctx, one, user("ann"))
		Expect(events.terminated()).To(HaveField("TerminationAction", BeEquivalentTo(licensing.OldestSessionTerminated)))
	})

	It("is anybody, of a pool that does not exist, or in a namespace that does not", func(ctx SpecContext) {
		p := somewhere(ctx)
		Expect(p.signOn(ctx, one, user("ann"), now)).To(be("404 PoolNotFound: Namespace " + p.ns + " has no LicensePool p."))
		Expect(one.Pool(ctx, p.token, p.ns, "p")).To(be("404 PoolNotFound"))
		Expect(one.Pool(ctx, p.token, p.ns, "P_")).To(be("404 PoolNotFound: The path must state a LicensePool's name"))
		Expect(one.SignOn(ctx, p.token, "Nowhere", "p", user("ann"), now)).To(be("404 PoolNotFound: The path must state a namespace's name"))
		p.create(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		p.signedOn(ctx, one, user("ann"))
	})
})

var _ = Describe("Facts that break a rule", func() {
	text := func(n int) string { return strings.Repeat("x", n) }
	attributes := func(n int) map[string]string {
		all := map[string]string{}
		for i := range n {
			all[fmt.Sprint(i)] = "x"
		}
		return all
	}
	DescribeTable("are refused in a sentence that says what must be: 422",
		func(ctx SpecContext, change func(*gatewayapi.Login), words ...string) {
			p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
			login := facts()
			change(&login)
			a, err := p.signOn(ctx, one, login, now)
			Expect(err).NotTo(HaveOccurred())
			Expect(a).To(be("422 Invalid"))
			for _, word := range words {
				Expect(a.Problem.Detail).To(ContainSubstring(word))
			}
			Expect(strings.Count(a.Problem.Detail, ". ")).To(BeZero(), "one sentence: %s", a.Problem.Detail)
			Expect(a.Problem.Detail).To(HaveSuffix("."))
			Expect(a.Problem.Detail).NotTo(Or(ContainSubstring("spec."), ContainSubstring("Invalid value"), ContainSubstring(text(50))))
			Expect(p.sessions(ctx)).To(BeEmpty())
		},
		Entry("no name", func(l *gatewayapi.Login) { l.UserName = "" }, "userName must be stated"),
		Entry("a name that begins with a space", func(l *gatewayapi.Login) { l.UserName = " ann" }, "userName must not begin or end with white space"),
		Entry("an invisible character in the name", func(l *gatewayapi.Login) { l.UserName = "a\u200bnn" }, "userName must not contain control or invisible characters"),
		Entry("a name that is too long", func(l *gatewayapi.Login) { l.UserName = text(257) }, "userName", "256"),
		Entry("a full name that is too long", func(l *gatewayapi.Login) { l.UserFullName = text(257) }, "userFullName", "256"),
		Entry("an interactive session without a mode", func(l *gatewayapi.Login) { l.Client.Mode = "" },
			"client.mode must be Desktop, Voice, Handheld or CE for a session of type Interactive"),
		Entry("an unknown mode", func(l *gatewayapi.Login) { l.Client.Mode = "Tablet" }, "client.mode", "Handheld"),
		Entry("an unknown type", func(l *gatewayapi.Login) { l.Type = "Robot" }, "type", "BackgroundService"),
		Entry("an address that is none", func(l *gatewayapi.Login) { l.Client.IP = "300.1.1.1" }, "client.ip must be an IPv4 or IPv6 address"),
		Entry("a module that is too long", func(l *gatewayapi.Login) { l.Module = text(64) }, "module", "63"),
		Entry("too many applications", func(l *gatewayapi.Login) { l.Applications = strings.Split(strings.Repeat("a,", 65), ",") }, "applications", "64"),
		Entry("an application that is too long", func(l *gatewayapi.Login) { l.Applications = []string{text(129)} }, "applications", "128"),
		Entry("too many attributes", func(l *gatewayapi.Login) { l.SessionAttributes = attributes(65) }, "sessionAttributes", "64"),
		Entry("an attribute that is too long", func(l *gatewayapi.Login) { l.SessionAttributes = map[string]string{"a": text(1025)} }, "sessionAttributes", "1024"),
		Entry("extra attributes that are no object", func(l *gatewayapi.Login) { l.ExtraAttributes = json.RawMessage(`[1]`) }, "extraAttributes must be a JSON object"),
		Entry("extra attributes that are too long", func(l *gatewayapi.Login) { l.ExtraAttributes = json.RawMessage(`{"a":"` + text(33<<10) + `"}`) },
			"extraAttributes must have at most 32 KiB"),
	)
})
