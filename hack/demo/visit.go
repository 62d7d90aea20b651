// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

const (
	// callTimeout bounds a call with all its repetitions, beside the time that a user waits for a seat. It is for busy machines: milliseconds are usual.
	callTimeout = 30 * time.Second
	// stirs is how often a user at work does something.
	stirs = 2 * time.Second
	// patience is how long a user who walked away stays away at the most: longer than the idle timeout of pool.yaml.
	patience = 2 * time.Minute
)

// day is one user's: visits with rests between them.
type day struct {
	*crowd
	user

	address  string
	answered func() // the user's first login was answered
}

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

// visit is one or more sessions at once: a user who got a seat may sign on to further modules, which share it.
func (d *day) visit(ctx context.Context) (err error) {
	modules := []string{"Web", "Desktop", "Mobile"}
	rand.Shuffle(len(modules), func(i, j int) { modules[i], modules[j] = modules[j], modules[i] })
	modules = modules[:1+[]int{0, 0, 0, 1, 1, 2}[rand.IntN(6)]]

	var open []*seat
	defer func() {
		for _, s := range slices.Backward(open) {
			if left := s.leave(ctx); err == nil {
				err = left
			}
			pause(ctx, between(200*time.Millisecond, time.Second))
		}
	}()
	for i, module := range modules {
		if i > 0 && !pause(ctx, between(500*time.Millisecond, 2*time.Second)) {
			return nil
		}
		s, err := d.signOn(ctx, module)
		if err != nil || s == nil {
			return err
		}
		open = append(open, s)
		if len(modules) == 1 && d.rushIsOver() && rand.IntN(4) == 0 {
			s.walkAway(ctx)
		} else if i == len(modules)-1 {
			s.work(ctx, open)
		}
	}
	return nil
}

func (d *day) rushIsOver() bool {
	select {
	case <-d.rush:
		return true
	default:
		return false
	}
}

// seat is a session of a user.
type seat struct {
	*day
	*client.Session

	module  string
	prompts chan struct{}
}

// signOn asks the gateway for a seat; nil: there is none. A login that is under way at closing time is carried through.
func (d *day) signOn(ctx context.Context, module string) (*seat, error) {
	mode := gatewayapi.ClientModeDesktop
	if module == "Mobile" {
		mode = gatewayapi.ClientModeHandheld
	}
	s := &seat{day: d, module: module, prompts: make(chan struct{}, 1)}
	calling, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.wait+callTimeout)
	defer cancel()
	var err error
	s.Session, err = d.gateway.SignOn(calling, d.pool.Namespace, d.pool.Name, client.Login{
		UserName: d.name, UserFullName: d.fullName, Module: module, Type: gatewayapi.SessionTypeInteractive, InstanceName: instance,
		Client: &gatewayapi.Client{IP: d.address, HostName: d.name + ".desk.example.com", Mode: mode},
	}, client.SessionOptions{
		Wait: d.wait,
		OnPrompt: func(time.Time) {
			d.seats.note(eventPrompt, "%s is asked whether to keep the %s session", d.name, module)
			select {
			case s.prompts <- struct{}{}:
			default:
			}
		},
		OnKept: func() { d.seats.note(eventGranted, "%s keeps the %s session", d.name, module) },
		OnEnd:  func(end client.End) { d.seats.told(d.name, module, end) },
	})
	d.answered()
	var problem *gatewayapi.Problem
	switch {
	case err == nil:
		return s, nil
	case errors.As(err, &problem) && (problem.Status == http.StatusForbidden || problem.Status == http.StatusNotFound || problem.Status == http.StatusConflict):
		d.seats.denied(d.name, problem)
		return nil, nil
	case errors.As(err, &problem) && problem.Status == http.StatusGone: // somebody ended it in the moment in which it was granted
		return nil, nil
	default:
		return nil, fmt.Errorf("signing on to %s: %w", module, err)
	}
}

// work lasts a random while, the first time at least until everybody has come; it ends when somebody ends the session.
func (s *seat) work(ctx context.Context, open []*seat) {
	end, rush := time.After(between(4*time.Second, 10*time.Second)), s.rush
	stir := time.NewTicker(stirs)
	defer stir.Stop()
	for end != nil || rush != nil {
		select {
		case <-ctx.Done():
			return
		case <-s.Done():
			return
		case <-end:
			end = nil
		case <-rush:
			rush = nil
		case <-stir.C:
			for _, other := range open {
				other.Active()
			}
		}
	}
}

// walkAway leaves the client alone. Who is asked whether to keep the session comes back in time, or does not; who is not asked, since the module does not ask, does not know.
func (s *seat) walkAway(ctx context.Context) {
	returns := time.After(patience)
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.Done():
			return
		case <-returns:
			return
		case <-s.prompts:
			if rand.IntN(2) == 0 && pause(ctx, between(time.Second, 4*time.Second)) {
				s.Active()
				returns = time.After(between(4*time.Second, 8*time.Second))
			}
		}
	}
}

// leave signs the user out, or closes the last window, which in this pool is the same. Of a session that has ended, the user was told.
func (s *seat) leave(ctx context.Context) error {
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	goes := s.SignOut
	if ctx.Err() == nil && rand.IntN(3) == 0 {
		goes = s.Exit
	}
	if err := goes(leaving); err != nil {
		return fmt.Errorf("leaving %s: %w", s.module, err)
	}
	return nil
}
