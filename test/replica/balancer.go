// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// Balancer is in front of gateways, as a Service is: a new connection goes to one that is ready, in turn, and stays there. It looks at readiness every half second; when none is
// ready it takes any, as a Service does that is not told of it since the API server is away.
type Balancer struct {
	listener net.Listener
	end      context.CancelFunc

	mu       sync.Mutex
	backends []*Replica
	ready    []bool
	turn     int
	// preferred is the one that gets all new connections while it is ready; -1: none.
	preferred int
	// reachable is since when at least one gateway has been ready all the time; zero: none is.
	reachable time.Time
}

// NewBalancer starts one on a loopback port. It outlives the context, and ends with Close.
func NewBalancer(ctx context.Context, backends ...*Replica) (*Balancer, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Balancer{listener: listener, backends: backends, ready: make([]bool, len(backends)), preferred: -1}
	ctx, b.end = context.WithCancel(context.WithoutCancel(ctx))
	for i := range backends {
		go b.probe(ctx, i)
	}
	go b.accept(ctx)
	return b, nil
}

// URL is the balancer's.
func (b *Balancer) URL() string { return "http://" + b.listener.Addr().String() }

// Close ends the balancer and its connections.
func (b *Balancer) Close() {
	b.end()
	_ = b.listener.Close()
}

// Prefer sends new connections to one gateway while it is ready; -1: to all in turn.
func (b *Balancer) Prefer(i int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.preferred = i
}

// Replace takes in that another replica serves in the place of one.
func (b *Balancer) Replace(i int, r *Replica) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.backends[i] = r
}

// IsReady says whether a gateway was ready when it was last asked.
func (b *Balancer) IsReady(i int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready[i]
}

// Reachable is since when at least one gateway has been ready all the time, as far as the balancer knows; zero: none is.
func (b *Balancer) Reachable() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reachable
}

func (b *Balancer) probe(ctx context.Context, i int) {
	for ctx.Err() == nil {
		b.mu.Lock()
		r := b.backends[i]
		b.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, 2*time.Second)
		ready := r.Ready(asking) == nil
		cancel()
		b.mu.Lock()
		b.ready[i] = ready
		switch {
		case !slices.Contains(b.ready, true):
			b.reachable = time.Time{}
		case b.reachable.IsZero():
			b.reachable = time.Now()
		}
		b.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (b *Balancer) accept(ctx context.Context) {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		go b.serve(ctx, conn)
	}
}

// choose picks the gateway for a new connection.
func (b *Balancer) choose() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.preferred >= 0 && b.ready[b.preferred] {
		return b.backends[b.preferred].Address
	}
	none := !slices.Contains(b.ready, true)
	for {
		b.turn = (b.turn + 1) % len(b.backends)
		if none || b.ready[b.turn] {
			return b.backends[b.turn].Address
		}
	}
}

// serve passes a connection on until either side ends it. A gateway that does not take it is the client's to get over.
func (b *Balancer) serve(ctx context.Context, from net.Conn) {
	defer from.Close()
	to, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", b.choose())
	if err != nil {
		return
	}
	defer to.Close()
	defer context.AfterFunc(ctx, func() { _ = from.Close() })()
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(from, to)
		_ = from.Close()
	}()
	_, _ = io.Copy(to, from)
	_ = to.Close()
	<-back
}
