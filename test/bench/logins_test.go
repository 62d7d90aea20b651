// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"testing"
	"time"
)

const (
	// clients sign in at once, each with one login under way.
	clients = 32
	// roundTimeout bounds a round with what prepares and follows it.
	roundTimeout = 5 * time.Minute
	// patience is how long a login may take, with all that prepares and follows it, before a benchmark's remaining rounds are made short. It is twice what
	// two cores need, so that five rounds of 1000 come to an end within minutes on a busy machine as well.
	patience   = 24 * time.Millisecond
	shortRound = 50
)

// BenchmarkLogin measures logins through the operator against the ceiling of the same API server, in turn: b.N logins, then b.N times the least
// that any operator could do for a login, which is that its session is created and that its status is written once. One count is one round, so
// that -benchtime=1000x -count=5 makes five rounds of 1000.
func BenchmarkLogin(b *testing.B) {
	s := onStage(b)
	enrolled, err := s.newPool(b.Context(), "enrolled")
	if err != nil {
		b.Fatal(err)
	}
	first, err := s.newPool(b.Context(), "first")
	if err != nil {
		b.Fatal(err)
	}

	// The steady state: every user is known.
	b.Run("Enrolled", func(b *testing.B) {
		measure(b, enrolled, func(ctx context.Context, n int) ([]string, error) {
			users := numbered("user", n)
			return users, enrolled.enroll(ctx, users)
		})
	})
	// The first day: every user is new to the pool and becomes an account.
	b.Run("First", func(b *testing.B) {
		measure(b, first, func(ctx context.Context, n int) ([]string, error) {
			return numbered("newcomer", n), first.disenroll(ctx)
		})
	})
}

// measure makes one round of logins by the users whom prepare returns, and reports it.
func measure(b *testing.B, p *pool, prepare func(context.Context, int) ([]string, error)) {
	b.Helper()
	n := b.N
	if p.begun.IsZero() {
		p.begun = time.Now()
	}
	if took := time.Since(p.begun); took > patience*time.Duration(n*rounds()) && n > shortRound {
		n = shortRound
		b.Logf("the rounds so far took %s, so this one is of %d logins and left out of the summary", took.Round(time.Second), n)
	}
	ctx, cancel := context.WithTimeout(b.Context(), roundTimeout)
	defer cancel()
	users, err := prepare(ctx, n)
	if err != nil {
		b.Fatal(err)
	}
	r, err := p.round(ctx, users)
	if err != nil {
		b.Fatal(err)
	}
	reportFigures(b, figures, r)
	if n == b.N && n > 1 { // the testing package asks for one login first, to see how long it takes
		remember(b.Name(), r)
	}
}

// rounds is how many were asked for.
func rounds() int {
	n, err := strconv.Atoi(flag.Lookup("test.count").Value.String())
	if err != nil {
		return 1
	}
	return n
}

// round measures logins and then the ceiling.
func (p *pool) round(ctx context.Context, users []string) (r round, err error) {
	before, err := p.atRest(ctx)
	if err != nil {
		return r, err
	}
	if r.logins, err = p.logIn(ctx, users); err != nil {
		return r, err
	}
	after, err := p.atRest(ctx) // what the operator does after its answers is part of their cost
	if err != nil {
		return r, err
	}
	r.loginsCost = after.since(before)

	status, err := p.grantedStatus(ctx)
	if err != nil {
		return r, err
	}
	if err := p.logOut(ctx); err != nil {
		return r, err
	}
	if before, err = p.atRest(ctx); err != nil {
		return r, err
	}
	if r.ceiling, err = p.ceiling(ctx, users, status); err != nil {
		return r, err
	}
	if after, err = p.atRest(ctx); err != nil {
		return r, err
	}
	r.ceilingCost = after.since(before)
	return r, nil
}

// numbered returns n names.
func numbered(name string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d", name, i)
	}
	return names
}
