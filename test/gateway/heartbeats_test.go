// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// ago is that the user did something so many seconds ago.
func ago(seconds int64) *gatewayapi.HeartbeatReport {
	return &gatewayapi.HeartbeatReport{Active: true, IdleSeconds: &seconds}
}

var _ = Describe("A heartbeat", func() {
	var p *place
	BeforeEach(func(ctx SpecContext) {
		p = somewhere(ctx, MakeLicensePool("p").Concurrent(9).IdleTimeout(30*time.Minute).UnsavedWorkTimeout(8*time.Hour).HeartbeatInterval(7*time.Second).Obj())
	})

	It("is answered with the state, the deadline and when to come again", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		for _, report := range []*gatewayapi.HeartbeatReport{nil, {}, {Active: false, IdleSeconds: new(int64(1))}} {
			a, err := one.Beat(ctx, s.Token, report)
			Expect(err).NotTo(HaveOccurred())
			Expect(a).To(be("200"))
			Expect(*a.OK).To(MatchFieldsOf(gatewayapi.Heartbeat{State: "Active", KeepAlive: true, HeartbeatIntervalSeconds: 7}))
			Expect(a.OK.Prompt).To(BeFalse())
			Expect(a.OK.TimeoutTime).To(HaveValue(BeTemporally("==", s.LogonTime.Add(30*time.Minute))), "a heartbeat without activity moves no deadline")
		}
	})

	It("with activity moves the deadline, by the client's own elapsed time and never backwards", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		deadline := func(report *gatewayapi.HeartbeatReport) time.Time {
			a, err := one.Beat(ctx, s.Token, report)
			Expect(err).NotTo(HaveOccurred())
			Expect(a).To(be("200"))
			return *a.OK.TimeoutTime
		}
		Eventually(func() time.Time { return deadline(&gatewayapi.HeartbeatReport{Active: true}) }).WithPolling(250 * time.Millisecond).
			Should(BeTemporally(">", s.LogonTime.Add(30*time.Minute)))
		moved := deadline(ago(0))
		Expect(deadline(ago(3600))).To(BeTemporally(">=", moved), "activity of an hour ago, before the logon")
		Expect(deadline(nil)).To(BeTemporally(">=", moved))
		Expect(deadline(ago(31536000))).To(BeTemporally(">=", moved))
		record, err := one.Session(ctx, s.Token)
		Expect(err).NotTo(HaveOccurred())
		Expect(record.OK.LastActivityTime).To(HaveValue(BeTemporally(">", s.LogonTime)))
		// Activity is kept in whole seconds, rounded up: nobody's idle period is cut short.
		Expect(record.OK.LastHeartbeatTime).To(HaveValue(BeTemporally(">=", record.OK.LastActivityTime.Add(-time.Second))))
	})

	It("that reports unsaved work gives the longer idle period, and without it the shorter", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		for _, unsaved := range []bool{true, false} {
			a, err := one.Beat(ctx, s.Token, &gatewayapi.HeartbeatReport{UnsavedWork: &unsaved})
			Expect(err).NotTo(HaveOccurred())
			want := s.LogonTime.Add(30 * time.Minute)
			if unsaved {
				want = s.LogonTime.Add(8 * time.Hour)
			}
			Expect(a.OK.TimeoutTime).To(HaveValue(BeTemporally("==", want)))
			record, err := one.Session(ctx, s.Token)
			Expect(err).NotTo(HaveOccurred())
			Expect(record.OK.UnsavedWork).To(Equal(unsaved))
		}
	})

	It("in bulk is answered for each session, and a bad entry does not spoil the others", func(ctx SpecContext) {
		ann, bob, cid, dan := p.signedOn(ctx, one, user("ann")), p.signedOn(ctx, two, user("bob")), p.signedOn(ctx, one, user("cid")), p.signedOn(ctx, one, user("dan"))
		elsewhere := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		foreign := elsewhere.signedOn(ctx, one, user("eve"))
		p.terminate(ctx, cid.Name, "Go home.")
		Eventually(func() (*replica.Answer[gatewayapi.Heartbeat], error) { return one.Beat(ctx, cid.Token, nil) }).WithPolling(250 * time.Millisecond).Should(be("410"))
		body := fmt.Sprintf(`{"heartbeats": [
			{"name": %q, "uid": %q, "active": true, "idleSeconds": 0},
			{"name": %q, "uid": %q, "active": true, "idleSeconds": -1},
			{"name": %q, "uid": %q, "unsavedWork": true},
			{"name": %q, "uid": %q},
			{"name": %q, "uid": %q},
			{"name": %q, "uid": %q},
			{"name": "no-such", "uid": "0f5d6a3e-88e5-4c3a-9a6d-0f6a9f0f2c11"},
			{"uid": %q},
			{"name": %q, "uid": %q, "colour": "red"},
			{"name": 7},
			{"name": %q, "uid": %q, "applications": [%q]}]}`,
			ann.Name, ann.UID, ann.Name, ann.UID, bob.Name, bob.UID, cid.Name, cid.UID, foreign.Name, foreign.UID, ann.Name, bob.UID, ann.UID,
			ann.Name, ann.UID, dan.Name, dan.UID, strings.Repeat("x", 129))
		a, err := one.Do(ctx, "POST", "/v1/namespaces/"+p.ns+"/heartbeats", p.token, jsonBody, []byte(body))
		Expect(err).NotTo(HaveOccurred())
		Expect(a).To(be("200"))
		var said []string
		for _, entry := range bulkOf(a.Body) {
			reason := ""
			if entry.Problem != nil {
				reason = " " + entry.Problem.Reason
			} else {
				Expect(entry.Heartbeat).To(HaveValue(HaveField("State", BeEquivalentTo("Active"))))
			}
			said = append(said, fmt.Sprint(entry.Status)+reason)
		}
		Expect(said).To(HaveExactElements("200", "400 BadRequest", "200", "410 Terminated", "404 SessionNotFound", "404 SessionNotFound", "404 SessionNotFound",
			"400 BadRequest", "400 BadRequest", "400 BadRequest", HavePrefix("4")))
		record, err := one.Session(ctx, bob.Token)
		Expect(err).NotTo(HaveOccurred())
		Expect(record.OK.UnsavedWork).To(BeTrue())
		eve, err := one.Session(ctx, foreign.Token)
		Expect(err).NotTo(HaveOccurred())
		Expect(eve.OK.LastHeartbeatTime).To(Or(BeNil(), HaveValue(BeTemporally("~", foreign.LogonTime, time.Second))), "a caller may not speak for other namespaces")
	})

	It("in bulk must be of 1 to 1000 sessions", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		many := make([]gatewayapi.BulkHeartbeat, 1001)
		for i := range many {
			many[i] = gatewayapi.BulkHeartbeat{Name: s.Name, UID: s.UID}
		}
		Expect(one.Bulk(ctx, p.token, p.ns, many...)).To(be("400 BadRequest: heartbeats must have 1 to 1000 entries."))
		Expect(one.Bulk(ctx, p.token, p.ns, []gatewayapi.BulkHeartbeat{}...)).To(be("400 BadRequest: heartbeats must have 1 to 1000 entries."))
		a, err := one.Bulk(ctx, p.token, p.ns, many[:1000]...)
		Expect(err).NotTo(HaveOccurred())
		Expect(a).To(be("200"))
		Expect(a.OK.Heartbeats).To(HaveLen(1000))
		Expect(a.OK.Heartbeats).To(HaveEach(HaveField("Status", 200)))
	})

	It("writes nothing to the API server while it answers (design 2, 9)", func(ctx SpecContext) {
		var sessions []*gatewayapi.SignedOn
		for i := range 5 {
			sessions = append(sessions, p.signedOn(ctx, three, user(fmt.Sprintf("user-%d", i))))
		}
		versions := func() []string {
			var all []string
			for _, s := range p.sessions(ctx) {
				all = append(all, s.Name+" "+s.ResourceVersion)
			}
			return all
		}
		p.seated(ctx, 5)
		before := versions()
		for range 10 {
			for _, s := range sessions {
				Expect(three.Beat(ctx, s.Token, &gatewayapi.HeartbeatReport{Active: true})).To(be("200"))
			}
			Expect(three.Bulk(ctx, p.token, p.ns, gatewayapi.BulkHeartbeat{Name: sessions[0].Name, UID: sessions[0].UID, Active: true})).To(be("200"))
		}
		Consistently(versions).WithTimeout(1500 * time.Millisecond).Should(Equal(before))
		Expect(strict.Metric(ctx, "seatkeeper_activity_writes_total")).To(BeZero())
	})

	It("of a session that waits, or that nobody knows, is no heartbeat", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		a, err := one.Bulk(ctx, p.token, p.ns, gatewayapi.BulkHeartbeat{Name: s.Name, UID: "no-uid"})
		Expect(err).NotTo(HaveOccurred())
		Expect(a.OK.Heartbeats).To(ConsistOf(HaveField("Status", 404)))
	})
})

// What is open and set shows on the record within a quarter of a minute, with its number, and so does whether there is unsaved work.
var _ = inShadow("What a client reports is on the record: applications, attributes and their number, unsaved work, activity", func(ctx context.Context) func(context.Context, Gomega) {
	p := somewhere(ctx, MakeLicensePool("p").Concurrent(9).IdleTimeout(30*time.Minute).UnsavedWorkTimeout(time.Hour).HeartbeatInterval(5*time.Second).Obj())
	s := p.signedOn(ctx, one, facts())
	Expect(one.Beat(ctx, s.Token, &gatewayapi.HeartbeatReport{
		Active: true, UnsavedWork: new(true), Applications: &[]string{"Problems"},
		SessionAttributes: &map[string]string{"site": "Graz", "shift": "late", "desk": "7"},
	})).To(be("200"))
	return func(ctx context.Context, g Gomega) {
		record := func() (*licensing.UserSession, error) {
			record := &licensing.UserSession{}
			return record, api.Get(ctx, client.ObjectKey{Namespace: p.ns, Name: s.Name}, record)
		}
		g.Eventually(record).WithTimeout(30 * time.Second).Should(And(
			HaveField("Status.Applications", Equal([]string{"Problems"})),
			HaveField("Status.SessionAttributes", Equal(map[string]licensing.AttributeValue{"site": "Graz", "shift": "late", "desk": "7"})),
			HaveField("Status.SessionAttributeCount", HaveValue(BeEquivalentTo(3))),
			HaveField("Status.UnsavedWork", BeTrue()),
			HaveField("Spec.Applications", Equal([]string{"Incidents", "Changes"})),
		))
		// The other replica shows it too, and from there on knows it without asking.
		a, err := two.Session(ctx, s.Token)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(a.OK.SessionAttributeCount).To(BeEquivalentTo(3))
		g.Expect(a.OK.Applications).To(Equal([]string{"Problems"}))
		// In constant use, through both replicas in turn: within a minute the record says so (A7).
		gateways := []*replica.Gateway{one, two}
		for i := 0; ; i++ {
			a, err := gateways[i%2].Beat(ctx, s.Token, &gatewayapi.HeartbeatReport{Active: true})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(a).To(be("200"))
			now, err := record()
			g.Expect(err).NotTo(HaveOccurred())
			if now.Status.LastActivityTime != nil && now.Status.LastActivityTime.Sub(s.LogonTime) >= 25*time.Second {
				g.Expect(now.Status.DurationSeconds).To(HaveValue(BeNumerically(">=", 25)))
				return
			}
			g.Expect(time.Since(s.LogonTime)).To(BeNumerically("<", 90*time.Second), "the record lags")
			time.Sleep(2 * time.Second) // the client's own pace
		}
	}
})
