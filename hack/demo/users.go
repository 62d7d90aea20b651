// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// arrivalEvery is the time between two users' first arrivals.
const arrivalEvery = 150 * time.Millisecond

// user is somebody who signs in, works and leaves, again and again.
type user struct {
	name, fullName string
	// maxWait is how many seconds the user waits for a seat.
	maxWait int32
}

// people are the simulated users. The first four have the named accounts of pool.yaml; the others are enrolled when they first get a seat.
// Sixteen want one of eight concurrent seats, and of those only five would wait: when all have come, at least three were denied.
func people() []user {
	return []user{
		{"ann", "Ann Arbor", 0}, {"bea", "Bea Benaderet", 0}, {"cal", "Cal Calloway", 0}, {"dot", "Dot Dunbar", 0},
		{"eve", "Eve Evans", 0}, {"fay", "Fay Farrow", 12}, {"gus", "Gus Grissom", 0}, {"hal", "Hal Hartley", 0},
		{"ida", "Ida Irving", 8}, {"jim", "Jim Jarvis", 0}, {"kit", "Kit Keller", 0}, {"lou", "Lou Lombard", 10},
		{"max", "Max Mercer", 0}, {"ned", "Ned Nolan", 0}, {"ola", "Ola Osborne", 8}, {"pam", "Pam Parker", 0},
		{"quy", "Quy Quan", 0}, {"roy", "Roy Rivers", 0}, {"sue", "Sue Sanders", 12}, {"tom", "Tom Tucker", 0},
	}
}

// crowd is the users at work.
type crowd struct {
	client client.Client
	seats  *seats
	pool   types.NamespacedName

	// rush is closed when each user had a first answer. Until then whoever got a seat stays, so that the pool is sure to fill and
	// that somebody is sure to be denied: not by luck.
	rush    chan struct{}
	waiting sync.WaitGroup
}

func newCrowd(c client.Client, s *seats, pool types.NamespacedName) *crowd {
	return &crowd{client: c, seats: s, pool: pool, rush: make(chan struct{})}
}

// run lets all users come and go. When the context is done all of them leave, and run returns: the first error, or none.
func (c *crowd) run(ctx context.Context) error {
	users := people()
	rand.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
	c.waiting.Add(len(users))
	go func() {
		c.waiting.Wait()
		close(c.rush)
	}()
	all, ctx := errgroup.WithContext(ctx)
	for i, u := range users {
		all.Go(func() error {
			d := &day{crowd: c, user: u, address: fmt.Sprintf("192.0.2.%d", 10+i), answered: sync.OnceFunc(c.waiting.Done)}
			defer d.answered()
			if !pause(ctx, time.Duration(i)*arrivalEvery) {
				return nil
			}
			if err := d.live(ctx); err != nil {
				return fmt.Errorf("user %s: %w", u.name, err)
			}
			return nil
		})
	}
	return all.Wait()
}

// day is one user's: visits with rests between them.
type day struct {
	*crowd
	user

	address  string
	visits   int
	answered func() // the user's first login was answered
}

// turn is what became of a login.
type turn int

const (
	seated turn = iota
	turnedAway
	// signedOff: somebody else deleted the session, or it is closing time.
	signedOff
)

func (d *day) live(ctx context.Context) error {
	for {
		if err := d.visit(ctx); err != nil {
			return err
		}
		if !pause(ctx, between(3*time.Second, 8*time.Second)) {
			return nil
		}
	}
}

// visit is one or more sessions at once: a user who got a seat may sign in to further modules, which share it.
func (d *day) visit(ctx context.Context) (err error) {
	d.visits++
	modules := []licensing.ModuleName{"Web", "Desktop", "Mobile"}
	rand.Shuffle(len(modules), func(i, j int) { modules[i], modules[j] = modules[j], modules[i] })
	modules = modules[:1+[]int{0, 0, 0, 1, 1, 2}[rand.IntN(6)]]

	var open []*licensing.UserSession
	defer func() {
		for _, session := range slices.Backward(open) {
			if left := d.signOff(context.WithoutCancel(ctx), session); err == nil {
				err = left
			}
			pause(ctx, between(200*time.Millisecond, time.Second))
		}
	}()
	for i, module := range modules {
		if i > 0 && !pause(ctx, between(500*time.Millisecond, 2*time.Second)) {
			return nil
		}
		session, news, done, err := d.signIn(ctx, module)
		if err != nil {
			return err
		}
		defer done()
		open = append(open, session)
		switch d.await(ctx, news) {
		case seated:
		case turnedAway:
			pause(ctx, between(4*time.Second, 8*time.Second)) // the record stays that long for all to see
			return nil
		case signedOff:
			return nil
		}
		if i == len(modules)-1 {
			d.work(ctx, news)
		}
	}
	return nil
}

// signIn creates the session, as an application server would through the gateway.
func (d *day) signIn(ctx context.Context, module licensing.ModuleName) (*licensing.UserSession, <-chan *licensing.UserSession, func(), error) {
	mode := licensing.ClientModeDesktop
	if module == "Mobile" {
		mode = licensing.ClientModeHandheld
	}
	session := &licensing.UserSession{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.pool.Namespace, Name: fmt.Sprintf("%s-%s-%d", d.name, strings.ToLower(string(module)), d.visits)},
		Spec: licensing.UserSessionSpec{
			PoolRef:        licensing.PoolReference{Name: d.pool.Name},
			UserName:       d.name,
			UserFullName:   d.fullName,
			Module:         module,
			Type:           licensing.SessionTypeInteractive,
			Client:         &licensing.Client{IP: d.address, HostName: d.name + ".desk.example.com", Mode: mode},
			MaxWaitSeconds: d.maxWait,
		},
	}
	news, done := d.seats.follow(session.Name)
	// A login that is under way at closing time is carried through: otherwise nobody would know whether the session exists.
	if err := d.client.Create(context.WithoutCancel(ctx), session); err != nil {
		done()
		return nil, nil, nil, fmt.Errorf("signing in to %s: %w", module, err)
	}
	return session, news, done, nil
}

// await follows the login until it is decided, or closing time.
func (d *day) await(ctx context.Context, news <-chan *licensing.UserSession) turn {
	for {
		select {
		case <-ctx.Done():
			return signedOff
		case session := <-news:
			switch {
			case session == nil:
				return signedOff
			case reason(session) != "":
				d.answered()
			}
			switch session.Status.State {
			case licensing.SessionActive:
				return seated
			case licensing.SessionDenied:
				return turnedAway
			case licensing.SessionTerminated:
				return signedOff
			default: // it waits
			}
		}
	}
}

// work lasts a random while, the first time at least until everybody has come; it ends when somebody ends the session.
func (d *day) work(ctx context.Context, news <-chan *licensing.UserSession) {
	end, rush := time.After(between(4*time.Second, 10*time.Second)), d.rush
	for end != nil || rush != nil {
		select {
		case <-ctx.Done():
			return
		case <-end:
			end = nil
		case <-rush:
			rush = nil
		case session := <-news:
			if session == nil || session.Status.State != licensing.SessionActive {
				return
			}
		}
	}
}

// signOff deletes the session; that somebody else did is no error.
func (d *day) signOff(ctx context.Context, session *licensing.UserSession) error {
	d.seats.expectEnd(session.Name)
	if err := d.client.Delete(ctx, session); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("leaving %s: %w", session.Spec.Module, err)
	}
	return nil
}

// pause waits; false: the context was done first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func between(least, most time.Duration) time.Duration { return least + rand.N(most-least) }
