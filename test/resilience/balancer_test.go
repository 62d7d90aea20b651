// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	"context"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/seatkeeper/seatkeeper/test/replica"
)

// balancer is in front of a site's gateways, as a Service is: a new connection goes to one that is ready, in turn, and stays there. It looks at readiness every half second; when none is
// ready it takes any, as a Service does that is not told of it since the API server is away.
type balancer struct {
	listener net.Listener
	end      context.CancelFunc

	mu       sync.Mutex
	backends []*replica.Replica
	ready    []bool
	turn     int
	// preferred is the one that gets all new connections while it is ready; -1: none.
	preferred int
}

func newBalancer(ctx context.Context, backends ...*replica.Replica) (*balancer, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &balancer{listener: listener, backends: backends, ready: make([]bool, len(backends)), preferred: -1}
	ctx, b.end = context.WithCancel(context.WithoutCancel(ctx))
	for i := range backends {
		go b.probe(ctx, i)
	}
	go b.accept(ctx)
	return b, nil
}

func (b *balancer) url() string { return "http://" + b.listener.Addr().String() }

func (b *balancer) close() {
	b.end()
	_ = b.listener.Close()
}

// prefer sends new connections to one gateway while it is ready; -1: to all in turn.
func (b *balancer) prefer(i int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.preferred = i
}

// replace takes in that another replica serves in the place of one.
func (b *balancer) replace(i int, r *replica.Replica) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.backends[i] = r
}

// isReady says whether a gateway was ready when it was last asked.
func (b *balancer) isReady(i int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready[i]
}

func (b *balancer) probe(ctx context.Context, i int) {
	for ctx.Err() == nil {
		b.mu.Lock()
		r := b.backends[i]
		b.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, 2*time.Second)
		ready := r.Ready(asking) == nil
		cancel()
		b.mu.Lock()
		b.ready[i] = ready
		b.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (b *balancer) accept(ctx context.Context) {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		go b.serve(ctx, conn)
	}
}

// choose picks the gateway for a new connection.
func (b *balancer) choose() string {
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
func (b *balancer) serve(ctx context.Context, from net.Conn) {
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
