// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"encoding/json"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// facts is a login with every fact that there is (C1).
func facts() gatewayapi.Login {
	return gatewayapi.Login{
		UserName: `CORP\ann`, UserFullName: "Ann Archer", Module: "Desktop", Type: gatewayapi.SessionTypeInteractive,
		Client:       &gatewayapi.Client{HostName: "pc-0815", IP: "192.0.2.17", UserName: "ann", Mode: gatewayapi.ClientModeDesktop, UserAgent: "ServiceDesk/8.2"},
		Applications: []string{"Incidents", "Changes"}, SessionAttributes: map[string]string{"site": "Graz", "shift": "früh"},
		ExtraAttributes: json.RawMessage(`{"theme":"dark","panes":[1,2]}`), CreatedBy: "portal", InstanceName: "app-server-3", SingleSignOn: true,
	}
}

var _ = Describe("A login", func() {
	It("stores every fact, and the session's own record shows them (C1)", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).IdleTimeout(time.Hour).HeartbeatInterval(5*time.Second).LostAfter(time.Minute).Obj())
		began := time.Now().Truncate(time.Second)
		s := p.signedOn(ctx, one, facts())
		Expect(*s).To(MatchFieldsOf(gatewayapi.SignedOn{
			Namespace: p.ns, State: "Active", Seat: "Concurrent", HeartbeatIntervalSeconds: 5, LostAfterSeconds: 60, Reason: licensing.ReasonSeatGranted,
		}))
		Expect(s.LogonTime).To(BeTemporally(">=", began))
		Expect(s.TimeoutTime).To(HaveValue(BeTemporally("==", s.LogonTime.Add(time.Hour))))
		Expect(s.Connection).NotTo(BeEmpty())

		record := p.record(ctx, s.Name)
		Expect(string(record.UID)).To(Equal(s.UID))
		Expect(record.Spec).To(Equal(licensing.UserSessionSpec{
			PoolRef: licensing.PoolReference{Name: "p"}, UserName: `CORP\ann`, UserFullName: "Ann Archer", Module: "Desktop", Type: licensing.SessionTypeInteractive,
			Client:       &licensing.Client{HostName: "pc-0815", IP: "192.0.2.17", UserName: "ann", Mode: licensing.ClientModeDesktop, UserAgent: "ServiceDesk/8.2"},
			Applications: []string{"Incidents", "Changes"}, SessionAttributes: map[string]licensing.AttributeValue{"site": "Graz", "shift": "früh"},
			ExtraAttributes: `{"theme":"dark","panes":[1,2]}`, CreatedBy: "portal", InstanceName: "app-server-3", SingleSignOn: true,
		}))

		a, err := one.Session(ctx, s.Token)
		Expect(err).NotTo(HaveOccurred())
		Expect(a).To(be("200"))
		shown := *a.OK
		want := facts()
		Expect(gatewayapi.Login{
			UserName: shown.UserName, UserFullName: shown.UserFullName, Module: shown.Module, Type: shown.Type, Client: shown.Client, Applications: shown.Applications,
			SessionAttributes: shown.SessionAttributes, ExtraAttributes: shown.ExtraAttributes, CreatedBy: shown.CreatedBy, InstanceName: shown.InstanceName,
			SingleSignOn: shown.SingleSignOn, SystemLogin: shown.SystemLogin,
		}).To(Equal(want))
		Expect(shown).To(MatchFieldsOf(gatewayapi.Session{
			Namespace: p.ns, Name: s.Name, UID: s.UID, PoolRef: gatewayapi.PoolReference{Name: "p"}, Current: true, SessionAttributeCount: 2,
			State: "Active", Seat: "Concurrent", Connection: s.Connection, TerminationAction: "NotTerminated", Reason: licensing.ReasonSeatGranted,
		}))
		Expect(shown.LogonTime).To(HaveValue(BeTemporally("==", s.LogonTime)))
		Expect(shown.KeepAlive).To(HaveValue(BeTrue()))
	})

	It("needs a name alone; the caller, the gateway and the schema say the rest", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		s := p.signedOn(ctx, two, user("ann"))
		Expect(s.TimeoutTime).To(BeNil(), "a pool without an idle timeout ends no idle session")
		a, err := two.Session(ctx, s.Token)
		Expect(err).NotTo(HaveOccurred())
		Expect(a).To(be("200"))
		Expect(*a.OK).To(MatchFieldsOf(gatewayapi.Session{Module: "Web", Type: "NotApplicable", CreatedBy: replica.UserName(p.ns, "portal")}))
		Expect(a.OK.Client).To(HaveValue(HaveField("IP", "127.0.0.1")))
	})

	It("of a user with a named seat takes that, of the system's own takes none", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Named(1).Obj(), MakeLicenseAccount("ann").Pool("p").User("ann").Named().Obj())
		login := user("batch")
		login.SystemLogin = true
		Expect(p.signedOn(ctx, one, user("ann")).Seat).To(BeEquivalentTo("Named"))
		system := p.signedOn(ctx, one, login)
		Expect(*system).To(MatchFieldsOf(gatewayapi.SignedOn{Seat: "Uncounted", Reason: licensing.ReasonSystemLogin}))
		Expect(system.Connection).To(BeEmpty())
	})

	It("of a user who is on shares the seat, through whichever replica", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		earlier := p.signedOn(ctx, one, user("ann"))
		later := p.signedOn(ctx, two, user("ann"))
		Expect(later.Name).NotTo(Equal(earlier.Name))
		Expect(later.Connection).To(Equal(earlier.Connection))
		Expect(later.Reason).To(Equal(licensing.ReasonSeatShared))
		p.seated(ctx, 1)
	})

	It("shows in the pool's use, by the API and through every replica (A4)", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").DisplayName("Service Desk").Named(2).Concurrent(3).Obj(), MakeLicenseAccount("n").Pool("p").User("nan").Named().Obj())
		p.signedOn(ctx, one, user("nan"))
		p.signedOn(ctx, one, user("ann"))
		for _, g := range []*replica.Gateway{one, two} {
			p.seen(ctx, g, 1)
			a, err := g.Pool(ctx, p.token, p.ns, "p")
			Expect(err).NotTo(HaveOccurred())
			Expect(*a.OK).To(MatchFieldsOf(gatewayapi.PoolUsage{Name: "p", DisplayName: "Service Desk", Model: "Combined"}))
			Expect(a.OK.Named).To(HaveValue(Equal(gatewayapi.ModelUsage{Licensed: 2, Used: 1, Available: 1, Accounts: 1, Connected: 1})))
			Expect(a.OK.Concurrent).To(HaveValue(Equal(gatewayapi.ModelUsage{Licensed: 3, Used: 1, Available: 2, Accounts: 1, Connected: 1})))
			Expect(a.OK.Conditions).To(ContainElement(HaveField("Type", "SeatsAvailable")))
		}
	})

	It("ends by signing out, which frees the seat within moments and can be repeated", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		s := p.signedOn(ctx, one, user("ann"))
		p.seated(ctx, 1)
		Expect(two.SignOut(ctx, s.Token)).To(be("204"))
		p.seated(ctx, 0)
		Expect(p.record(ctx, s.Name).Status.TerminationAction).To(Equal(licensing.RequestedByUser))
		Expect(one.SignOut(ctx, s.Token)).To(be("204"))
		Eventually(func() (*replica.Answer[gatewayapi.Heartbeat], error) { return one.Beat(ctx, s.Token, nil) }).WithPolling(250 * time.Millisecond).
			Should(be("410 Terminated"))
		p.signedOn(ctx, one, user("bob"))
	})
})
