// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// sessionCalls makes every call that a session's client can make, and says what each was answered. They come from one session: no more than ten a second.
func sessionCalls(ctx context.Context, g *replica.Gateway, token string) []string {
	GinkgoHelper()
	record, err := g.Session(ctx, token)
	Expect(err).NotTo(HaveOccurred())
	beat, err := g.Beat(ctx, token, nil)
	Expect(err).NotTo(HaveOccurred())
	_, err = g.Events(ctx, token)
	problem := &gatewayapi.Problem{}
	Expect(errors.As(err, &problem)).To(BeTrue(), "the stream must be refused: %v", err)
	exit, err := g.Exit(ctx, token)
	Expect(err).NotTo(HaveOccurred())
	out, err := g.SignOut(ctx, token)
	Expect(err).NotTo(HaveOccurred())
	stream := (&replica.Answer[struct{}]{Status: problem.Status, Problem: problem}).String()
	return []string{record.String(), beat.String(), stream, exit.String(), out.String()}
}

var _ = Describe("A session's token", func() {
	var p *place
	BeforeEach(func(ctx SpecContext) {
		p = somewhere(ctx, MakeLicensePool("p").Concurrent(5).HeartbeatInterval(5*time.Second).OnClientExit(licensing.ExitEndSession).Obj())
	})

	It("is good at every replica, also one that began after it was made", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		late := watched(startReplica(ctx, replica.Options{LeaderElect: true}).Gateway())
		for _, g := range []*replica.Gateway{one, two, three, safe, late} {
			Expect(g.Beat(ctx, s.Token, nil)).To(be("200"))
			record, err := g.Session(ctx, s.Token)
			Expect(err).NotTo(HaveOccurred())
			Expect(record.OK.UID).To(Equal(s.UID))
		}
	})

	It("is refused when it is forged: 401, the same for whatever is wrong with it, and no session suffers", func(ctx SpecContext) {
		ann, bob := p.signedOn(ctx, one, user("ann")), p.signedOn(ctx, one, user("bob"))
		elsewhere := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		cid := elsewhere.signedOn(ctx, one, user("cid"))
		a, b, c := strings.Split(ann.Token, "."), strings.Split(bob.Token, "."), strings.Split(cid.Token, ".")
		last := len(a) - 1
		swapped := func(from []string) string {
			return strings.Join(append(append([]string{}, from[:last]...), a[last]), ".")
		}
		for what, token := range map[string]string{
			"rubbish":                      "rubbish",
			"truncated":                    ann.Token[:len(ann.Token)-1],
			"half of it":                   ann.Token[:len(ann.Token)/2],
			"longer":                       ann.Token + "A",
			"without its signature":        strings.Join(a[:last], ".") + ".",
			"another signature":            strings.Join(a[:last], ".") + "." + b[last],
			"another session's data":       swapped(b),
			"another namespace's data":     swapped(c),
			"a zeroed signature":           strings.Join(a[:last], ".") + "." + strings.Repeat("A", len(a[last])),
			"in capitals":                  strings.ToUpper(ann.Token),
			"as long as a header may be":   strings.Repeat("skt1.", 2000),
			"a service account's":          p.token,
			"with a space in it":           ann.Token[:8] + " " + ann.Token[8:],
			"with the last letter changed": ann.Token[:len(ann.Token)-2] + string(ann.Token[len(ann.Token)-2]^1) + ann.Token[len(ann.Token)-1:],
		} {
			Expect(sessionCalls(ctx, two, token)).To(HaveEach(Equal(
				"401 Unauthenticated: The request must carry a valid token: Authorization: Bearer <token>.")), what)
		}
		for _, token := range []string{ann.Token, bob.Token, cid.Token} {
			Expect(two.Beat(ctx, token, nil)).To(be("200"))
		}
	})

	It("is in no log, no Event and no object but its own answer (D2)", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		Expect(two.Beat(ctx, s.Token, nil)).To(be("200"))
		Expect(two.Beat(ctx, s.Token+"x", nil)).To(be("401"))
		Expect(one.SignOut(ctx, s.Token)).To(be("204"))
		secret := s.Token[len(s.Token)-20:]
		for _, r := range []*replica.Replica{first, second} {
			Expect(strings.Contains(r.Log(), secret)).To(BeFalse(), "a session's token is in a log")
			Expect(strings.Contains(r.Log(), p.token[len(p.token)-20:])).To(BeFalse(), "a service account's token is in a log")
		}
		for _, kind := range []string{"usersessions", "events", "licensepools", "licenseaccounts"} {
			text, err := op.Kubectl(ctx, "get", kind, "-n", p.ns, "-o", "yaml")
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.Contains(text, secret)).To(BeFalse(), "a session's token is in %s", kind)
		}
	})

	It("of a session that has ended: 410 with how, why and when; signing out is done already", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		p.terminate(ctx, s.Name, "Maintenance at nine.")
		ended := "410 Terminated: Maintenance at nine."
		for _, g := range []*replica.Gateway{one, two} {
			Eventually(func() (*replica.Answer[gatewayapi.Heartbeat], error) { return g.Beat(ctx, s.Token, nil) }).WithPolling(250 * time.Millisecond).Should(be(ended))
			a, err := g.Beat(ctx, s.Token, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(a.Problem.TerminationAction).To(BeEquivalentTo(licensing.RequestedByAdministrator))
			Expect(a.Problem.TerminatedTime).To(HaveValue(BeTemporally("==", p.record(ctx, s.Name).Status.TerminatedTime.Time)))
			Expect(g.SignOut(ctx, s.Token)).To(be("204"))
			Expect(g.Exit(ctx, s.Token)).To(be("204"))
			record, err := g.Session(ctx, s.Token)
			Expect(err).NotTo(HaveOccurred())
			Expect(record).To(be("200"))
			Expect(*record.OK).To(MatchFieldsOf(gatewayapi.Session{
				State: "Terminated", TerminationAction: gatewayapi.TerminationAction(licensing.RequestedByAdministrator), Message: "Maintenance at nine.",
			}))
		}
	})

	It("of a session whose record was deleted with kubectl: 410 with how and when, from every replica", func(ctx SpecContext) {
		p.create(ctx, MakeLicensePool("checking").Concurrent(1).ClientIPCheck(licensing.ClientIPCheckEnforced).Obj()) // which must not matter here
		s := p.signedOn(ctx, one, user("ann"))
		for _, g := range []*replica.Gateway{one, two} {
			Expect(g.Beat(ctx, s.Token, nil)).To(be("200"))
		}
		_, err := op.Kubectl(ctx, "delete", "usersession", s.Name, "-n", p.ns)
		Expect(err).NotTo(HaveOccurred())
		p.seated(ctx, 0)
		for _, g := range []*replica.Gateway{one, two} {
			Eventually(func() (*replica.Answer[gatewayapi.Heartbeat], error) { return g.Beat(ctx, s.Token, nil) }).WithPolling(250 * time.Millisecond).
				Should(be("410 Terminated"))
			a, err := g.Beat(ctx, s.Token, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(a.Problem.TerminationAction).To(BeEquivalentTo(licensing.RequestedByAdministrator))
			Expect(g.Session(ctx, s.Token)).To(be("410 Terminated"))
			Expect(g.SignOut(ctx, s.Token)).To(be("204"))
		}
		late := watched(startReplica(ctx, replica.Options{LeaderElect: true}).Gateway())
		// From a replica that never knew it, the end alone.
		Expect(late.Beat(ctx, s.Token, nil)).To(be("410 SessionGone: The session has ended and its record was cleared."))
		Expect(late.Session(ctx, s.Token)).To(be("410 SessionGone"))
		_, err = late.Events(ctx, s.Token)
		Expect(err).To(MatchError(ContainSubstring("SessionGone")))
		Expect(late.SignOut(ctx, s.Token)).To(be("204"))
		Expect(late.Exit(ctx, s.Token)).To(be("204"))
	})

	It("of a session whose record its retention cleared: 410 with how it ended", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Retention(0).Obj())
		s := p.signedOn(ctx, one, user("ann"))
		Expect(two.Beat(ctx, s.Token, nil)).To(be("200"))
		Expect(one.SignOut(ctx, s.Token)).To(be("204"))
		Eventually(func() []licensing.UserSession { return p.sessions(ctx) }).Should(BeEmpty())
		for _, g := range []*replica.Gateway{one, two} {
			Eventually(func() (*replica.Answer[gatewayapi.Heartbeat], error) { return g.Beat(ctx, s.Token, nil) }).WithPolling(250 * time.Millisecond).
				Should(be("410 Terminated"))
			a, err := g.Beat(ctx, s.Token, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(a.Problem.TerminationAction).To(BeEquivalentTo(licensing.RequestedByUser))
		}
	})

	It("does not reach a namesake that was made later", func(ctx SpecContext) {
		a, err := p.signOn(ctx, one, user("ann"), key("k"))
		Expect(err).NotTo(HaveOccurred())
		Expect(api.Delete(ctx, p.record(ctx, a.OK.Name))).To(Succeed())
		Eventually(func() []licensing.UserSession { return p.sessions(ctx) }).Should(BeEmpty())
		var later *replica.Answer[gatewayapi.SignedOn]
		Eventually(func() (*replica.Answer[gatewayapi.SignedOn], error) {
			later, err = p.signOn(ctx, one, user("ann"), key("k"))
			return later, err
		}).Should(be("201"))
		Expect(later.OK.Name).To(Equal(a.OK.Name))
		Expect(one.SignOut(ctx, a.OK.Token)).To(be("204"))
		Eventually(func() (*replica.Answer[gatewayapi.Heartbeat], error) { return one.Beat(ctx, a.OK.Token, nil) }).WithPolling(250 * time.Millisecond).Should(be("410"))
		Expect(two.Beat(ctx, later.OK.Token, nil)).To(be("200"))
		Expect(p.live(ctx)).To(HaveLen(1))
	})

	It("that is used too often is told to wait: 429; other sessions are not", func(ctx SpecContext) {
		ann, bob := p.signedOn(ctx, one, user("ann")), p.signedOn(ctx, one, user("bob"))
		flood(func() (fmt.Stringer, error) { return one.Beat(ctx, ann.Token, nil) })
		Expect(one.Beat(ctx, bob.Token, nil)).To(be("200"))
		Expect(sessionCalls(ctx, one, ann.Token)).To(ContainElement(HavePrefix("429")))
		Eventually(func() (*replica.Answer[gatewayapi.Heartbeat], error) { return two.Beat(ctx, ann.Token, nil) }).WithPolling(time.Second).Should(be("200"))
	})
})

// terminate ends a session as an administrator does who has something to say.
func (p *place) terminate(ctx context.Context, name, message string) {
	GinkgoHelper()
	Eventually(func() error {
		s := p.record(ctx, name)
		before := s.DeepCopy()
		s.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterAdministrator, Message: message}
		return api.Patch(ctx, s, client.MergeFrom(before))
	}).Should(Succeed())
}

// After this one no earlier session's token is good.
var _ = It("A token under a key that was revoked is refused: 401, and new logins are not", atTheEnd, func(ctx SpecContext) {
	p := somewhere(ctx, MakeLicensePool("p").Concurrent(5).Obj())
	s := p.signedOn(ctx, one, user("ann"))
	secret := &corev1.Secret{}
	Expect(api.Get(ctx, client.ObjectKey{Namespace: replica.Namespace, Name: "seatkeeper-session-keys"}, secret)).To(Succeed())
	before := secret.DeepCopy()
	secret.Annotations = map[string]string{"licensing.seatkeeper.dev/revoke-before": time.Now().UTC().Format(time.RFC3339)}
	Expect(api.Patch(ctx, secret, client.MergeFrom(before))).To(Succeed())
	for _, g := range []*replica.Gateway{one, two} {
		Eventually(func() (*replica.Answer[gatewayapi.Heartbeat], error) { return g.Beat(ctx, s.Token, nil) }).WithPolling(500 * time.Millisecond).
			Should(be("401 Unauthenticated"))
	}
	later := p.signedOn(ctx, one, user("bob"))
	for _, g := range []*replica.Gateway{one, two, three} {
		Eventually(func() (*replica.Answer[gatewayapi.Heartbeat], error) { return g.Beat(ctx, later.Token, nil) }).WithPolling(500 * time.Millisecond).Should(be("200"))
	}
	Expect(one.Beat(ctx, s.Token, nil)).To(be("401"))
})
