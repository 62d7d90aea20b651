// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/callers"
	"github.com/seatkeeper/seatkeeper/internal/gateway"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
	"github.com/seatkeeper/seatkeeper/internal/witness"
)

// replica is the gateway in this process, put together as cmd/seatkeeper does it: its watches, its keys, its sweeps and its Lease. Beside it listens a
// server like its own with a handler that does next to nothing.
type replica struct {
	handler http.Handler
	keys    *sessiontoken.Keeper
	// url and bareURL are where the two listen.
	url, bareURL string

	running sync.WaitGroup
	stop    context.CancelFunc
}

// noLimit lets the few sessions of a benchmark be heard as often as can be; what it costs to look is paid all the same.
const noLimit = 1e12

func (s *stage) startReplica(ctx context.Context, bare http.Handler) (*replica, error) {
	watches, err := cache.New(s.cluster.RESTConfig(), cache.Options{Scheme: s.api.Scheme(), DefaultTransform: cache.TransformStripManagedFields()})
	if err != nil {
		return nil, err
	}
	const name, namespace = "bench", "seatkeeper-system"
	now, log := clock.RealClock{}, logr.Discard()
	roster := witness.NewRoster(name, now)
	recorder := activity.New(name, now, roster.Alive)
	r := &replica{keys: &sessiontoken.Keeper{Client: s.api, Reader: s.api, Namespace: namespace, Name: "bench-session-keys", Clock: now, Log: log}}
	sweeper := &activity.Sweeper{
		Recorder: recorder, Client: s.api, Live: s.api, Clock: now, Log: log, Freshness: 50,
		Lease: &witness.Lease{Client: s.api, Namespace: namespace, Replica: name}, Roster: roster, Settled: roster.Settled,
	}
	g := &gateway.Gateway{
		Client: s.api, Live: s.api, Cache: watches, Recorder: recorder, Tokens: r.keys, Replica: name, Clock: now, Log: log,
		Callers: callers.New(s.raw.AuthenticationV1().TokenReviews(), s.raw.AuthorizationV1().SubjectAccessReviews(), "seatkeeper"),
		Limits:  gateway.Limits{SessionRate: noLimit},
	}
	r.handler = g.Handler()
	listeners := [2]net.Listener{}
	for i := range listeners {
		if listeners[i], err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
	}
	r.url, r.bareURL = "http://"+listeners[0].Addr().String(), "http://"+listeners[1].Addr().String()
	server := &gateway.Server{Gateway: g, Listener: listeners[0], Log: log}
	// The same time-outs and bounds as the gateway's own.
	bareServer := &http.Server{Handler: bare, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 120 * time.Second, MaxHeaderBytes: 16 << 10}

	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := errors.Join(roster.Follow(ctx, watches), recorder.Follow(ctx, watches)); err != nil {
		r.stop()
		return nil, err
	}
	for _, run := range []func(context.Context) error{watches.Start, r.keys.Start, sweeper.Start, server.Start} {
		r.running.Go(func() { _ = run(ctx) }) // what does not run is not ready below
	}
	r.running.Go(func() { _ = bareServer.Serve(listeners[1]) })
	context.AfterFunc(ctx, func() { _ = bareServer.Close() })
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if err = server.Ready(nil); err == nil {
			return r, nil
		}
		if time.Now().After(deadline) {
			r.end()
			return nil, err
		}
	}
}

// end stops it in order.
func (r *replica) end() {
	r.stop()
	r.running.Wait()
}

// tokens are those of so many sessions of the pool that are Active, made for the purpose.
func (r *replica) tokens(ctx context.Context, p *pool, sessions int) ([]string, error) {
	if _, err := p.logIn(ctx, numbered("listener", sessions)); err != nil {
		return nil, err
	}
	tokens := make([]string, sessions)
	for i := range tokens {
		s := &licensing.UserSession{}
		if err := p.api.Get(ctx, client.ObjectKey{Namespace: served, Name: p.session(i)}, s); err != nil {
			return nil, err
		}
		if s.Status.State != licensing.SessionActive {
			return nil, fmt.Errorf("session %s must be Active; it is %s", s.Name, s.Status.State)
		}
		tokens[i] = r.keys.Keyring().Sign(sessiontoken.Session{Namespace: s.Namespace, Name: s.Name, UID: string(s.UID)})
	}
	return tokens, nil
}
