// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	seats "github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// goClient is pkg/client as an application server uses it, with the token in a file.
func (p *place) goClient(r *replica.Replica) *seats.Client {
	GinkgoHelper()
	c, err := seats.New(seats.Options{URL: r.URL, TokenFile: p.tokenFile(), InsecureSkipVerify: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.CloseIdleConnections)
	return c
}

// tokenFile is a file with the application server's token.
func (p *place) tokenFile() string {
	GinkgoHelper()
	path := filepath.Join(GinkgoT().TempDir(), "token")
	Expect(os.WriteFile(path, []byte(p.token+"\n"), 0o600)).To(Succeed())
	return path
}

var _ = Describe("The Go client", func() {
	var p *place
	BeforeEach(func(ctx SpecContext) {
		p = somewhere(ctx, MakeLicensePool("p").Concurrent(1).IdleTimeout(time.Hour).HeartbeatInterval(5*time.Second).Obj())
	})

	It("signs on, reports what its user does, and signs out", func(ctx SpecContext) {
		s, err := p.goClient(first).SignOn(ctx, p.ns, "p", facts(), seats.SessionOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Namespace()).To(Equal(p.ns))
		Expect(string(p.record(ctx, s.Name()).UID)).To(Equal(s.UID()))
		s.UnsavedWork(true)
		s.SetApplications("Problems")
		s.SetAttributes(map[string]string{"desk": "7"})
		s.Active()
		Eventually(func(g Gomega) {
			record, err := s.Record(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(record.UnsavedWork).To(BeTrue())
			g.Expect(record.Applications).To(Equal([]string{"Problems"}))
			g.Expect(record.SessionAttributes).To(Equal(map[string]string{"desk": "7"}))
		}).WithPolling(500 * time.Millisecond).Should(Succeed())
		Expect(s.SignOut(ctx)).To(Succeed())
		Eventually(s.Done()).Should(BeClosed())
		p.seated(ctx, 0)
		Expect(p.record(ctx, s.Name()).Status.TerminationAction).To(Equal(licensing.RequestedByUser))
	})

	It("keeps a session alive by itself, over HTTPS as well", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).HeartbeatInterval(5*time.Second).LostAfter(10*time.Second).Obj())
		s, err := p.goClient(secure).SignOn(ctx, p.ns, "p", user("ann"), seats.SessionOptions{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(s.Close)
		Eventually(func(g Gomega) {
			record, err := s.Record(ctx)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(record.LastHeartbeatTime).To(HaveValue(BeTemporally(">", record.LogonTime.Add(2*time.Second))))
		}).WithPolling(500 * time.Millisecond).Should(Succeed())
		Expect(p.live(ctx)).To(HaveLen(1))
	})

	It("tells of the end once, with how and why", func(ctx SpecContext) {
		ends := make(chan seats.End, 2)
		s, err := p.goClient(second).SignOn(ctx, p.ns, "p", user("ann"), seats.SessionOptions{OnEnd: func(e seats.End) { ends <- e }})
		Expect(err).NotTo(HaveOccurred())
		p.terminate(ctx, s.Name(), "Go home.")
		var end seats.End
		Eventually(ends).Should(Receive(&end))
		Expect(end).To(MatchFieldsOf(seats.End{Action: gatewayapi.TerminationAction(licensing.RequestedByAdministrator), Reason: "Terminated", Message: "Go home."}))
		Eventually(s.Done()).Should(BeClosed())
		Expect(s.Err()).To(MatchError(end))
		Consistently(ends).WithTimeout(500 * time.Millisecond).ShouldNot(Receive())
	})

	It("resumes a session by its token after a restart, through another replica; not one that has ended", func(ctx SpecContext) {
		s, err := p.goClient(first).SignOn(ctx, p.ns, "p", user("ann"), seats.SessionOptions{})
		Expect(err).NotTo(HaveOccurred())
		s.Close() // as a crash would
		resumed, err := p.goClient(second).Resume(ctx, s.Token(), seats.SessionOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(resumed.UID()).To(Equal(s.UID()))
		Expect(resumed.SignOut(ctx)).To(Succeed())
		p.seated(ctx, 0)
		Eventually(func() error {
			_, err := p.goClient(first).Resume(ctx, s.Token(), seats.SessionOptions{})
			return err
		}).Should(MatchError(ContainSubstring(string(licensing.RequestedByUser))))
	})

	It("signs on again under its key and gets the same session", func(ctx SpecContext) {
		s, err := p.goClient(first).SignOn(ctx, p.ns, "p", user("ann"), seats.SessionOptions{IdempotencyKey: "k"})
		Expect(err).NotTo(HaveOccurred())
		s.Close()
		again, err := p.goClient(second).SignOn(ctx, p.ns, "p", user("ann"), seats.SessionOptions{IdempotencyKey: "k"})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(again.Close)
		Expect(again.UID()).To(Equal(s.UID()))
		Expect(p.sessions(ctx)).To(HaveLen(1))
	})

	It("is refused with the gateway's reason, and waits if it is ready to", func(ctx SpecContext) {
		holder, err := p.goClient(first).SignOn(ctx, p.ns, "p", user("holder"), seats.SessionOptions{})
		Expect(err).NotTo(HaveOccurred())
		p.seen(ctx, one, 1)
		var problem *gatewayapi.Problem
		_, err = p.goClient(first).SignOn(ctx, p.ns, "p", user("ann"), seats.SessionOptions{})
		Expect(err).To(MatchError(ContainSubstring("SeatsExhausted")))
		Expect(errors.As(err, &problem)).To(BeTrue())
		Expect(problem.Reason).To(Equal(gatewayapi.ReasonSeatsExhausted))

		waited := make(chan error, 1)
		go func() {
			s, err := p.goClientOf(first).SignOn(ctx, p.ns, "p", user("ann"), seats.SessionOptions{Wait: time.Minute})
			if err == nil {
				err = s.SignOut(ctx)
			}
			waited <- err
		}()
		Eventually(func() []licensing.UserSession { return p.pending(ctx) }).Should(HaveLen(1))
		Expect(holder.SignOut(ctx)).To(Succeed())
		Eventually(waited).Should(Receive(BeNil()))
	})
})

// goClientOf is a Go client for a goroutine, where assertions are out of place.
func (p *place) goClientOf(r *replica.Replica) *seats.Client {
	c, err := seats.New(seats.Options{URL: r.URL, Token: func(context.Context) (string, error) { return p.token, nil }})
	if err != nil {
		panic(err)
	}
	return c
}

// The Go client's user is asked and answers; see telling_test.go for the same by hand.
var _ = inShadow("The Go client asks its user, whose answer keeps the session (A9)", func(ctx context.Context) func(context.Context, Gomega) {
	p := somewhere(ctx, prompting())
	prompts, kept, ends := make(chan time.Time, 9), make(chan struct{}, 9), make(chan seats.End, 1)
	s, err := p.goClientOf(second).SignOn(ctx, p.ns, "p", user("ann"), seats.SessionOptions{
		OnPrompt: func(timeout time.Time) { prompts <- timeout }, OnKept: func() { kept <- struct{}{} }, OnEnd: func(e seats.End) { ends <- e },
	})
	Expect(err).NotTo(HaveOccurred())
	return func(ctx context.Context, g Gomega) {
		defer s.Close()
		g.Eventually(prompts).WithTimeout(idle).Should(Receive(BeTemporally(">", time.Now())))
		s.Active()
		g.Eventually(kept).Should(Receive())
		// It beats by itself from now on, without activity: the user is asked again, and answers no more.
		g.Eventually(prompts).WithTimeout(2 * idle).Should(Receive())
		g.Expect(ends).NotTo(Receive())
		g.Expect(s.SignOut(ctx)).To(Succeed())
	}
})
