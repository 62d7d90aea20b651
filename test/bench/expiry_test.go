// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

const (
	// shortestIdle is the shortest idle timeout that a pool may have.
	shortestIdle = 60
	// quiet is how long logins are timed while nothing else happens.
	quiet = 15 * time.Second
	// pause lies between two timed logins.
	pause = 100 * time.Millisecond
)

// BenchmarkExpiry lets b.N sessions idle out within as short a time as it took them to sign on, and times logins meanwhile beside those of a quiet quarter of a minute.
// -benchtime=10000x is what docs/benchmarks.md speaks of.
func BenchmarkExpiry(b *testing.B) {
	if b.N == 1 {
		return // the testing package asks for one first, to see how long it takes
	}
	ctx, cancel := context.WithTimeout(b.Context(), 8*time.Minute)
	defer cancel()
	s := onStage(b)
	p, err := s.newPool(ctx, "idle")
	if err != nil {
		b.Fatal(err)
	}
	idlers := numbered("idler", b.N)
	if _, err := p.logIn(ctx, idlers); err != nil {
		b.Fatal(err)
	}
	if err := p.operatorRests(ctx); err != nil {
		b.Fatal(err)
	}
	probes := 0
	before, err := p.probe(ctx, &probes, func() (bool, error) { return false, nil }, quiet)
	if err != nil {
		b.Fatal(err)
	}

	if err := p.setIdleTimeout(ctx, shortestIdle); err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	var first, last time.Time
	during, err := p.probe(ctx, &probes, func() (bool, error) {
		pool := &licensing.LicensePool{}
		if err := p.api.Get(ctx, client.ObjectKey{Namespace: served, Name: p.name}, pool); err != nil {
			return false, err
		}
		used := int(*pool.Status.Concurrent.Used)
		if first.IsZero() && used < b.N {
			first = time.Now()
		}
		last = time.Now()
		return used <= probes, nil
	}, 5*time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/last.Sub(first).Seconds(), "ends/s")
	b.ReportMetric(before.quantile(0.99), "quiet-p99-ms")
	b.ReportMetric(during.quantile(0.99), "expiry-p99-ms")
	b.ReportMetric(during.quantile(0.99)/before.quantile(0.99), "p99-ratio")
	fmt.Fprintf(os.Stderr, "%d sessions idled out within %.1f s (from %.1f s after the timeout was set); logins then p50 %.0f ms, p99 %.0f ms (%d); in a quiet time p50 %.0f ms, p99 %.0f ms (%d)\n",
		b.N, last.Sub(first).Seconds(), first.Sub(began).Seconds(), during.quantile(0.5), during.quantile(0.99), len(during.each),
		before.quantile(0.5), before.quantile(0.99), len(before.each))
}

// probe times one login after the other until done says so, for a while at the most.
func (p *pool) probe(ctx context.Context, count *int, done func() (bool, error), most time.Duration) (times, error) {
	var t times
	began := time.Now()
	for time.Since(began) < most {
		ended, err := done()
		if err != nil {
			return t, err
		}
		if ended {
			break
		}
		*count++
		one, err := p.timeOne(ctx, *count)
		if err != nil {
			return t, err
		}
		t.each = append(t.each, one)
		time.Sleep(pause)
	}
	t.total = time.Since(began)
	slices.Sort(t.each)
	return t, nil
}

// timeOne signs a newcomer in and returns when the session is Active. It asks again and again: a watch would first be told of all who are on.
func (p *pool) timeOne(ctx context.Context, i int) (time.Duration, error) {
	s := MakeUserSession(fmt.Sprintf("%s-probe-%d", p.name, i)).Namespace(served).Pool(p.name).User(fmt.Sprintf("probe-%d", i)).Obj()
	began := time.Now()
	if err := p.api.Create(ctx, s); err != nil {
		return 0, err
	}
	for s.Status.State != licensing.SessionActive {
		time.Sleep(5 * time.Millisecond)
		if err := p.api.Get(ctx, client.ObjectKeyFromObject(s), s); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// setIdleTimeout switches idle expiry on.
func (p *pool) setIdleTimeout(ctx context.Context, seconds int32) error {
	pool := &licensing.LicensePool{}
	if err := p.api.Get(ctx, client.ObjectKey{Namespace: served, Name: p.name}, pool); err != nil {
		return err
	}
	before := pool.DeepCopy()
	if pool.Spec.Sessions == nil {
		pool.Spec.Sessions = &licensing.SessionRules{}
	}
	pool.Spec.Sessions.IdleTimeoutSeconds = &seconds
	return p.api.Patch(ctx, pool, client.MergeFrom(before))
}
