// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Command chaos breaks what Seatkeeper runs on, for as long as it is told to, while simulated users sign on, work, idle, leave, vanish and come back through real HTTP. Every revision that the API
// server writes is held against the promises of docs/design.md meanwhile, and so is what the users themselves are told. docs/guarantees.md says what it does and what it found.
package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// options come from the environment, so that `make chaos` passes them on.
type options struct {
	// length is how long things break, CHAOS_TIME; a minute or two for starting and settling come on top.
	length time.Duration
	// seed decides what is done to whom, and in which order, CHAOS_SEED. When it happens depends on the machine too, so that a seed gives much the same run and not the very same.
	seed uint64
	// users is how many there are, CHAOS_USERS.
	users int
	// plant names a broken promise that is made by hand, which must be found, CHAOS_PLANT; empty: none.
	plant string
}

const help = `CHAOS_TIME is how long things break, as 5m or 1h (default 5m), CHAOS_SEED a number that decides what is done to whom (default: drawn, and printed),
CHAOS_USERS how many users there are (default 500), CHAOS_PLANT a fault that an administrator's own hands plant and that must be found: oversold or expired.`

func optionsOf(env func(string) string) (options, error) {
	o := options{length: 5 * time.Minute, seed: rand.Uint64N(1_000_000), users: 500, plant: env("CHAOS_PLANT")}
	var errs []error
	read := func(name string, take func(string) error) {
		if text := env(name); text != "" {
			if err := take(text); err != nil {
				errs = append(errs, fmt.Errorf("%s must be as %s: %w", name, map[string]string{"CHAOS_TIME": "5m", "CHAOS_SEED": "1234", "CHAOS_USERS": "500"}[name], err))
			}
		}
	}
	read("CHAOS_TIME", func(text string) (err error) { o.length, err = time.ParseDuration(text); return err })
	read("CHAOS_SEED", func(text string) (err error) { o.seed, err = strconv.ParseUint(text, 10, 64); return err })
	read("CHAOS_USERS", func(text string) (err error) { o.users, err = strconv.Atoi(text); return err })
	if o.length < 10*time.Second {
		errs = append(errs, errors.New("CHAOS_TIME must be 10s or more"))
	}
	if o.users < 10 || o.users > 5000 {
		errs = append(errs, errors.New("CHAOS_USERS must be from 10 to 5000"))
	}
	if _, ok := plants[o.plant]; !ok && o.plant != "" {
		errs = append(errs, errors.New("CHAOS_PLANT must be oversold or expired, or be left out"))
	}
	return o, errors.Join(errs...)
}

func main() {
	o, err := optionsOf(os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		fmt.Fprintln(os.Stderr, help)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	broken, err := run(ctx, o)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	case broken:
		os.Exit(1)
	}
}

// run plays one run, and says whether a promise was broken.
func run(ctx context.Context, o options) (broken bool, err error) {
	s, err := newScene(ctx, o)
	if err != nil {
		return false, err
	}
	defer func() {
		err = errors.Join(err, s.close(broken || err != nil))
	}()
	s.say("seed %d: %d users, for %s; the first half with leader election, the second without", o.seed, o.users, o.length)
	s.crowd.start(ctx)
	breaking, stop := context.WithTimeout(ctx, o.length)
	defer stop()
	lanes := s.breakThings(breaking)
	s.tellOn(breaking, time.Now().Add(o.length))
	lanes.Wait()
	if ctx.Err() != nil {
		return false, errors.New("it was stopped before its time")
	}
	s.settle(ctx)
	return s.summary() > 0, nil
}
