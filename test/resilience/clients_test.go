// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// user is signed on by pkg/client.
type user struct {
	*client.Session
	site *site
	name string
	rest atomic.Bool

	mu sync.Mutex
	// active is when the user last did something.
	active time.Time
	ended  error
	// problems counts failed heartbeats; problem is the one that has not healed yet.
	problems int
	problem  error
}

// dial is a client of a gateway, or of the balancer. Each has connections of its own.
func (s *site) dial(url string) *client.Client {
	GinkgoHelper()
	c, err := client.New(client.Options{URL: url, Token: s.serverToken})
	Expect(err).NotTo(HaveOccurred())
	return c
}

func (s *site) serverToken(context.Context) (string, error) { return s.token, nil }

// signOn signs a user on, who does nothing more from then on; its session must not end, unless it is released.
func (s *site) signOn(ctx context.Context, c *client.Client, pool, name string, withEvents bool) *user {
	GinkgoHelper()
	u, err := s.trySignOn(ctx, c, pool, name, client.SessionOptions{WithoutEvents: !withEvents})
	Expect(err).NotTo(HaveOccurred())
	return u
}

func (s *site) trySignOn(ctx context.Context, c *client.Client, pool, name string, o client.SessionOptions) (*user, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	u := &user{site: s, name: name}
	o.OnEnd = func(end client.End) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.ended = end
	}
	o.OnProblem = func(err error) {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.problem = err; err != nil {
			u.problems++
		}
	}
	var err error
	if u.Session, err = c.SignOn(ctx, s.ns, pool, client.Login{UserName: name}, o); err != nil {
		return nil, fmt.Errorf("signing %s on: %w", name, err)
	}
	u.active = time.Now()
	s.history.keep(u.UID(), name, time.Time{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users = append(s.users, u)
	return u, nil
}

// grants signs a user on by one gateway alone, and out again; it returns when a seat was granted.
func (s *site) grants(ctx context.Context, i int, pool, name string) {
	GinkgoHelper()
	u := s.signOn(ctx, s.dial(s.replica(i).URL), pool, name, false)
	u.release()
	Expect(u.SignOut(ctx)).To(Succeed())
}

// signOnAll signs users on at once who work all the time, every other one with the stream of events.
func (s *site) signOnAll(ctx context.Context, c *client.Client, pool, prefix string, n int) []*user {
	GinkgoHelper()
	users := make([]*user, n)
	errs := make([]error, n)
	var all sync.WaitGroup
	places := make(chan struct{}, 50)
	for i := range users {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			if users[i], errs[i] = s.trySignOn(ctx, c, pool, fmt.Sprintf("%s-%d", prefix, i), client.SessionOptions{WithoutEvents: i%2 == 0}); errs[i] == nil {
				users[i].work() // at once: on a slow machine the last may sign on a minute later
			}
		})
	}
	all.Wait()
	Expect(errors.Join(errs...)).NotTo(HaveOccurred())
	return users
}

// work lets the user do something every second, until the session is over or the user rests.
func (u *user) work() {
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for !u.rest.Load() {
			u.mu.Lock()
			u.Active()
			u.active = time.Now()
			u.mu.Unlock()
			select {
			case <-u.Done():
				return
			case <-tick.C:
			}
		}
	}()
}

// rests lets the user do something now, and nothing more: the session must stay for an idle timeout.
func (u *user) rests() {
	u.rest.Store(true)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.Active()
	u.active = time.Now()
	u.site.history.keep(u.UID(), u.name, u.active.Add(idle))
}

// lastActive is when the user last did something.
func (u *user) lastActive() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.active
}

// trouble is what went wrong for the user and has not healed.
func (u *user) trouble() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended != nil {
		return fmt.Errorf("the session of %s ended: %w", u.name, u.ended)
	}
	if u.problem != nil {
		return fmt.Errorf("%s: %w", u.name, u.problem)
	}
	return nil
}

// healthy waits until nothing is wrong for any of the users.
func healthy(ctx context.Context, users ...*user) {
	GinkgoHelper()
	Eventually(func() error {
		var errs []error
		for _, u := range users {
			errs = append(errs, u.trouble())
		}
		return errors.Join(errs...)
	}).WithContext(ctx).Should(Succeed())
}

// failures is how many heartbeats failed.
func failures(users ...*user) (n int) {
	for _, u := range users {
		u.mu.Lock()
		n += u.problems
		u.mu.Unlock()
	}
	return n
}

// ends waits until the user's session has ended by itself, and says when.
func (u *user) ends(ctx context.Context) time.Time {
	GinkgoHelper()
	var end *licensing.UserSession
	Eventually(func() *licensing.UserSession {
		end = u.site.history.end(u.UID())
		return end
	}).WithContext(ctx).WithTimeout(2*time.Minute).ShouldNot(BeNil(), "the session of %s, who is gone or idle, must end", u.name)
	Expect(end.Status.TerminationAction).To(Equal(licensing.ExpiredSessionTerminated), "%s", describe(end))
	return endTime(end)
}

// release lets the user's session end.
func (u *user) release() { u.site.history.release(u.UID()) }

// plain is a client without pkg/client: it beats every so often, until it is told to stop, and says no more than whether its user did something.
type plain struct {
	site *site
	on   gatewayapi.SignedOn
	end  context.CancelFunc

	mu    sync.Mutex
	beats int
	wrong []error
}

// signOnPlain signs a user on. Each heartbeat goes to the gateway that pick says for it; active says whether the user did something.
func (s *site) signOnPlain(ctx context.Context, pool, name string, every time.Duration, pick func(n int) *replica.Gateway, active func(n int) bool) *plain {
	GinkgoHelper()
	a, err := pick(0).SignOn(ctx, s.token, s.ns, pool, gatewayapi.Login{UserName: name}, replica.SignOnOptions{})
	Expect(err).NotTo(HaveOccurred())
	Expect(a.OK).NotTo(BeNil(), "%s", a)
	p := &plain{site: s, on: *a.OK}
	s.history.keep(p.on.UID, name, time.Time{})
	ctx, p.end = context.WithCancel(ctx)
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			p.beat(ctx, name, pick(n), active(n))
		}
	}()
	return p
}

// beat sends a heartbeat, and again if it fails on the way, as a client does: for half a second the balancer sends to a replica that has been killed.
func (p *plain) beat(ctx context.Context, name string, g *replica.Gateway, active bool) {
	var a *replica.Answer[gatewayapi.Heartbeat]
	var err error
	for range 3 {
		trying, cancel := context.WithTimeout(ctx, 4*time.Second)
		a, err = g.Beat(trying, p.on.Token, &gatewayapi.HeartbeatReport{Active: active})
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(600 * time.Millisecond):
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		p.wrong = append(p.wrong, fmt.Errorf("a heartbeat of %s to %s: %w", name, g.URL, err))
	case a.Status != http.StatusOK:
		p.wrong = append(p.wrong, fmt.Errorf("a heartbeat of %s to %s was answered %s", name, g.URL, a))
	default:
		p.beats++
	}
}

// stop ends the heartbeats, each of which must have been answered well, and lets the session end.
func (p *plain) stop() {
	GinkgoHelper()
	p.end()
	p.site.history.release(p.on.UID)
	p.mu.Lock()
	defer p.mu.Unlock()
	Expect(errors.Join(p.wrong...)).NotTo(HaveOccurred())
	Expect(p.beats).To(BeNumerically(">", 0))
}

// always is for users who work all the time.
func always(int) bool { return true }

// sameGateway is for clients that know one address.
func sameGateway(url string) func(int) *replica.Gateway {
	g := replica.Dial(url)
	return func(int) *replica.Gateway { return g }
}
