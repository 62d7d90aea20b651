// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"

	"github.com/seatkeeper/seatkeeper/pkg/client"
)

// arrivalEvery is the time between two users' first arrivals.
const arrivalEvery = 150 * time.Millisecond

// user is somebody who signs in, works and leaves, again and again.
type user struct {
	name, fullName string
	// wait is how long the user waits for a seat.
	wait time.Duration
}

// people are the simulated users. The first four have the named accounts of pool.yaml; the others are enrolled when they first get a seat.
// Sixteen want one of eight concurrent seats, and of those only five would wait: when all have come, at least three were denied.
func people() []user {
	return []user{
		{"ann", "Ann Arbor", 0}, {"bea", "Bea Benaderet", 0}, {"cal", "Cal Calloway", 0}, {"dot", "Dot Dunbar", 0},
		{"eve", "Eve Evans", 0}, {"fay", "Fay Farrow", 12 * time.Second}, {"gus", "Gus Grissom", 0}, {"hal", "Hal Hartley", 0},
		{"ida", "Ida Irving", 8 * time.Second}, {"jim", "Jim Jarvis", 0}, {"kit", "Kit Keller", 0}, {"lou", "Lou Lombard", 10 * time.Second},
		{"max", "Max Mercer", 0}, {"ned", "Ned Nolan", 0}, {"ola", "Ola Osborne", 8 * time.Second}, {"pam", "Pam Parker", 0},
		{"quy", "Quy Quan", 0}, {"roy", "Roy Rivers", 0}, {"sue", "Sue Sanders", 12 * time.Second}, {"tom", "Tom Tucker", 0},
	}
}

// crowd is the users at work.
type crowd struct {
	gateway *client.Client
	seats   *seats
	pool    types.NamespacedName

	// rush is closed when each user had a first answer. Until then whoever got a seat stays, so that the pool is sure to fill and
	// that somebody is sure to be denied: not by luck.
	rush    chan struct{}
	waiting sync.WaitGroup
}

func newCrowd(gateway *client.Client, s *seats, pool types.NamespacedName) *crowd {
	return &crowd{gateway: gateway, seats: s, pool: pool, rush: make(chan struct{})}
}

// run lets all users come and go. When the context is done all of them leave, and run returns: the first error, or none.
func (c *crowd) run(ctx context.Context) error {
	users := people()
	rand.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
	c.waiting.Add(len(users))
	answered := map[string]func(){}
	for _, u := range users {
		answered[u.name] = sync.OnceFunc(c.waiting.Done)
	}
	c.seats.onDecision(func(user string) {
		if done := answered[user]; done != nil {
			done() // to wait is an answer, too
		}
	})
	go func() {
		c.waiting.Wait()
		close(c.rush)
	}()
	all, ctx := errgroup.WithContext(ctx)
	for i, u := range users {
		all.Go(func() error {
			d := &day{crowd: c, user: u, address: fmt.Sprintf("192.0.2.%d", 10+i), answered: answered[u.name]}
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
