// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

var _ = Describe("A client that follows its session", func() {
	var p *place
	BeforeEach(func(ctx SpecContext) { p = somewhere(ctx, MakeLicensePool("p").Concurrent(5).Obj()) })

	It("is told by every replica when an administrator ends it, with the message (B2)", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		streams := []stream{follow(ctx, one, s.Token), follow(ctx, two, s.Token), follow(ctx, safe, s.Token)}
		p.terminate(ctx, s.Name, "Maintenance at nine.\nSave your work.")
		for _, events := range streams {
			told := events.terminated()
			Expect(told).To(MatchFieldsOf(gatewayapi.TerminatedEvent{
				TerminationAction: gatewayapi.TerminationAction(licensing.RequestedByAdministrator), Reason: "Terminated", Detail: "Maintenance at nine.\nSave your work.",
			}))
			Expect(told.TerminatedTime).To(BeTemporally("==", p.record(ctx, s.Name).Status.TerminatedTime.Time))
		}
	})

	It("is told when its record is deleted with kubectl", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		streams := []stream{follow(ctx, one, s.Token), follow(ctx, two, s.Token)}
		_, err := op.Kubectl(ctx, "delete", "usersession", s.Name, "-n", p.ns)
		Expect(err).NotTo(HaveOccurred())
		for _, events := range streams {
			Expect(events.terminated().TerminationAction).To(BeEquivalentTo(licensing.RequestedByAdministrator))
		}
	})

	It("is told when another window of its own signs out", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		events := follow(ctx, two, s.Token)
		Expect(one.SignOut(ctx, s.Token)).To(be("204"))
		Expect(events.terminated().TerminationAction).To(BeEquivalentTo(licensing.RequestedByUser))
	})

	It("comes late and is told at once, also when the record is gone", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		Expect(two.Beat(ctx, s.Token, nil)).To(be("200"))
		p.terminate(ctx, s.Name, "Go home.")
		p.seated(ctx, 0)
		for _, g := range []*replica.Gateway{one, two} {
			Expect(follow(ctx, g, s.Token).terminated().Detail).To(Equal("Go home."))
		}
		Expect(api.Delete(ctx, p.record(ctx, s.Name))).To(Succeed())
		Eventually(func() []licensing.UserSession { return p.sessions(ctx) }).Should(BeEmpty())
		Expect(follow(ctx, two, s.Token).terminated().Detail).To(Equal("Go home."))
	})

	It("may do so four times at once, and no more", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		for range 4 {
			follow(ctx, one, s.Token)
		}
		_, err := one.Events(ctx, s.Token)
		Expect(err).To(MatchError(ContainSubstring("TooManyRequests: A session may have 4 event streams at a time.")))
		follow(ctx, two, s.Token)
	})

	It("that goes away frees its place", func(ctx SpecContext) {
		s := p.signedOn(ctx, one, user("ann"))
		for range 4 {
			events, err := one.Events(ctx, s.Token)
			Expect(err).NotTo(HaveOccurred())
			events.Close()
		}
		Eventually(func() error {
			events, err := one.Events(ctx, s.Token)
			if err == nil {
				events.Close()
			}
			return err
		}).WithPolling(250 * time.Millisecond).Should(Succeed())
	})
})

// next waits for the next event that is no comment.
func next(g Gomega, events *replica.Events, name string, timeout time.Duration) replica.Event {
	var e replica.Event
	deadline := time.After(timeout)
	for e.Name == "" {
		select {
		case got, open := <-events.C:
			g.Expect(open).To(BeTrue(), "the stream ended before its event %s", name)
			e = got
		case <-deadline:
			g.Expect(name).To(BeEmpty(), "the stream must tell of that")
		}
	}
	g.Expect(e.Name).To(Equal(name), e.Data)
	return e
}

const (
	idle = time.Minute // the least that the schema allows
	lead = 40 * time.Second
)

// prompting is a pool whose users are asked before they idle out, in the Web module.
func prompting() *licensing.LicensePool {
	return MakeLicensePool("p").Concurrent(5).IdleTimeout(idle).Prompt(lead, "Web").HeartbeatInterval(5 * time.Second).Obj()
}

// A user who does nothing: the client beats, the prompt is told by stream and by heartbeat, and nobody answers.
var _ = inShadow("An idle session's user is asked, and without an answer it ends when it was said to, and is told why (A9, A12)", func(ctx context.Context) func(context.Context, Gomega) {
	p := somewhere(ctx, prompting())
	s := p.signedOn(ctx, one, user("ann"))
	events, err := two.Events(ctx, s.Token)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Close)
	return func(ctx context.Context, g Gomega) {
		timeout := s.LogonTime.Add(idle)
		g.Expect(s.TimeoutTime).To(HaveValue(BeTemporally("==", timeout)))
		a, err := one.Beat(ctx, s.Token, nil)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(a.OK.Prompt).To(BeFalse())

		e := next(g, events, gatewayapi.EventPrompt, idle)
		told := time.Now()
		g.Expect(told).To(And(BeTemporally(">", timeout.Add(-lead-2*time.Second)), BeTemporally("<", timeout)), "when the user is asked")
		GinkgoWriter.Println("The prompt was told", told.Sub(timeout.Add(-lead)).Round(time.Millisecond), "after its time")
		g.Expect(fits(document.Components.Schemas["PromptEvent"], []byte(e.Data))).To(Succeed())
		g.Expect(e.Prompt()).To(HaveField("TimeoutTime", BeTemporally("==", timeout)))
		for _, gateway := range []*replica.Gateway{one, two} {
			g.Eventually(func(g Gomega) { // a heartbeat, whose client reports no activity
				a, err := gateway.Beat(ctx, s.Token, &gatewayapi.HeartbeatReport{Active: false})
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(a).To(be("200"))
				g.Expect(a.OK.Prompt).To(BeTrue())
				g.Expect(a.OK.TimeoutTime).To(HaveValue(BeTemporally("==", timeout)))
			}).Should(Succeed())
		}
		// Whoever connects during the prompt is told at once.
		late, err := one.Events(ctx, s.Token)
		g.Expect(err).NotTo(HaveOccurred())
		defer late.Close()
		next(g, late, gatewayapi.EventPrompt, 30*time.Second)
		go func() {
			for time.Now().Before(timeout) {
				_, _ = one.Beat(ctx, s.Token, nil)
				time.Sleep(5 * time.Second) // the client's own pace
			}
		}()

		for _, stream := range []*replica.Events{events, late} {
			end, err := lastEvent(g, stream)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(end.TerminationAction).To(BeEquivalentTo(licensing.ExpiredSessionTerminated))
			g.Expect(end.Detail).To(ContainSubstring("idle"))
			g.Expect(end.TerminatedTime).To(BeTemporally(">=", timeout), "ended before its time")
			GinkgoWriter.Println("The end was told", time.Since(timeout).Round(time.Millisecond), "after its time")
		}
		for _, gateway := range []*replica.Gateway{one, two} {
			a, err := gateway.Beat(ctx, s.Token, &gatewayapi.HeartbeatReport{Active: true})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(a).To(be("410 Terminated"))
			g.Expect(a.Problem.TerminationAction).To(BeEquivalentTo(licensing.ExpiredSessionTerminated))
		}
	}
})

var _ = inShadow("An idle session's user who answers keeps it: the stream says so, through whichever replica the answer came (A9)", func(ctx context.Context) func(context.Context, Gomega) {
	p := somewhere(ctx, prompting())
	s := p.signedOn(ctx, one, user("bob"))
	var streams []*replica.Events
	for _, g := range []*replica.Gateway{one, two} {
		events, err := g.Events(ctx, s.Token)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(events.Close)
		streams = append(streams, events)
	}
	return func(ctx context.Context, g Gomega) {
		for _, events := range streams {
			next(g, events, gatewayapi.EventPrompt, idle)
		}
		a, err := two.Beat(ctx, s.Token, &gatewayapi.HeartbeatReport{Active: true})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(a).To(be("200"))
		g.Expect(a.OK.Prompt).To(BeFalse())
		g.Expect(a.OK.TimeoutTime).To(HaveValue(BeTemporally(">", s.LogonTime.Add(idle))))
		for _, events := range streams {
			g.Expect(next(g, events, gatewayapi.EventKept, idle).Data).To(Equal("{}"))
		}
		time.Sleep(time.Until(s.LogonTime.Add(idle + 5*time.Second))) // past the time at which it would have ended
		a, err = one.Beat(ctx, s.Token, nil)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(a).To(be("200"))
	}
})

var _ = inShadow("Where the module has no prompt nobody is asked, and the end is told all the same (A9)", func(ctx context.Context) func(context.Context, Gomega) {
	p := somewhere(ctx, prompting())
	s := p.signedOn(ctx, two, gatewayapi.Login{UserName: "cid", Module: "Desktop"})
	events, err := one.Events(ctx, s.Token)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Close)
	return func(_ context.Context, g Gomega) {
		next(g, events, gatewayapi.EventTerminated, 2*idle)
	}
})

// Over HTTP/2 a stream outlives the time that a write may take: the connection's deadlines are each write's own.
var _ = inShadow("A stream over HTTP/2 lives on, says so, and tells the end", func(ctx context.Context) func(context.Context, Gomega) {
	p := somewhere(ctx, MakeLicensePool("p").Concurrent(5).Obj())
	s := p.signedOn(ctx, safe, user("ann"))
	events, err := safe.Events(ctx, s.Token)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Close)
	Expect(events.Proto).To(Equal("HTTP/2.0"))
	return func(ctx context.Context, g Gomega) {
		for range 2 {
			g.Eventually(events.C).WithTimeout(time.Minute).Should(Receive(Equal(replica.Event{Data: "still here"})))
		}
		a, err := safe.SignOut(ctx, s.Token)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(a).To(be("204"))
		_, err = lastEvent(g, events)
		g.Expect(err).NotTo(HaveOccurred())
	}
})
