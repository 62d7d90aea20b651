// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// patience is how long a user tries to sign on or out.
const patience = 2 * time.Minute

// crowd are the users.
type crowd struct {
	scene *scene
	// coming is closed when nobody comes any more: who is signed on works on. living ends when they do.
	coming chan struct{}
	living context.Context //nolint:containedctx // it ends with the crowd
	die    context.CancelFunc
	users  sync.WaitGroup
	judges sync.WaitGroup

	mu     sync.Mutex
	on     map[*visit]bool
	leaves []leave
	stays  map[string][]stay
}

// leave is a session whose end its user asked for, and that this was acknowledged.
type leave struct{ who, pool, name, uid string }

func newCrowd(s *scene) *crowd {
	c := &crowd{scene: s, coming: make(chan struct{}), on: map[*visit]bool{}, stays: map[string][]stay{}}
	c.living, c.die = context.WithCancel(context.Background())
	return c
}

// start lets everybody come, within the first half minute or within a tenth of the time.
func (c *crowd) start(context.Context) {
	number := uint64(100)
	within := min(30*time.Second, c.scene.o.length/10)
	for _, p := range c.scene.pools {
		for i := range p.users {
			number++
			u := &user{crowd: c, pool: p, number: i, name: p.user(i), random: c.scene.o.random(number), transport: &http.Transport{MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute}}
			u.module = []string{"Web", "Desktop", "Mobile"}[u.random.IntN(3)]
			c.users.Go(func() { u.live(within) })
		}
	}
}

// stop ends all users where they are.
func (c *crowd) stop() {
	c.die()
	c.users.Wait()
	c.judges.Wait()
}

// closed says that nobody comes any more.
func (c *crowd) closed() bool {
	select {
	case <-c.coming:
		return true
	default:
		return false
	}
}

// user is one person, with a program and connections of his own.
type user struct {
	crowd     *crowd
	pool      *pool
	number    int
	name      string
	module    string
	random    *rand.Rand
	transport *http.Transport
}

// between is a time from one to another, by chance.
func (u *user) between(from, to time.Duration) time.Duration {
	return from + time.Duration(u.random.Int64N(int64(to-from)+1))
}

// pause waits; false: nobody comes any more, or it is all over.
func (u *user) pause(d time.Duration) bool {
	select {
	case <-u.crowd.coming:
		return false
	case <-u.crowd.living.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// live lets the user come again and again.
func (u *user) live(within time.Duration) {
	defer u.transport.CloseIdleConnections()
	if !u.pause(u.between(0, within)) {
		return
	}
	for !u.crowd.closed() {
		fate := u.fate()
		// Every sixth user stays: who works all day must never be signed off.
		if u.number%6 == 0 {
			fate = "stays"
		}
		u.visit(fate)
		if !u.pause(u.between(5*time.Second, 20*time.Second)) {
			return
		}
	}
}

// fate is how a visit goes.
func (u *user) fate() string {
	fates := []struct {
		name string
		of   int
	}{{"leaves", 50}, {"idles", 14}, {"answers", 6}, {"vanishes", 8}, {"returns", 8}, {"resumes", 6}, {"exits", 4}, {"saves", 4}}
	n := u.random.IntN(100)
	for _, f := range fates {
		if n -= f.of; n < 0 {
			return f.name
		}
	}
	return fates[0].name
}

// visit signs the user on and plays one visit to its end; false: the user was not signed on.
func (u *user) visit(fate string) bool {
	v := newVisit(u, fate)
	if !v.signOn(gatewayapi.Login{UserName: u.name, Module: u.module}) {
		return false
	}
	u.crowd.scene.tally.add(visits, fate)
	defer v.over()
	worked := v.works(u.between(3*time.Second, u.pool.works))
	switch {
	case !worked:
	case fate == "stays":
		v.works(1000 * time.Hour)
	case fate == "idles", fate == "answers", fate == "saves":
		if fate == "saves" {
			v.session.UnsavedWork(true)
		}
		v.waits(u.pool.idle + u.pool.lost + 3*time.Minute)
	case fate == "vanishes":
		v.closes()
		return true
	case fate == "returns", fate == "resumes":
		v.closes()
		if !u.pause(u.between(time.Second, u.pool.lost/3)) || !v.comesBack(fate == "resumes") {
			return true
		}
		v.works(u.between(3*time.Second, u.pool.works))
	case fate == "exits":
		v.leaves((*client.Session).Exit)
		return true
	}
	v.works(0) // who is on when nobody comes any more works on
	v.leaves((*client.Session).SignOut)
	return true
}

// refusal is why a login was refused, in a word.
func refusal(err error) string {
	var problem *gatewayapi.Problem
	var away *client.UnavailableError
	switch {
	case errors.As(err, &away):
		return "given up"
	case errors.As(err, &problem):
		return problem.Reason
	default:
		return fmt.Sprintf("%T", err)
	}
}
