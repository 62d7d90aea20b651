// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// listeners are the sessions whose clients are heard.
	listeners = 500
	// perLease is how many heartbeats are measured for each Lease that is renewed, which takes so much longer.
	perLease = 40
	// turns is how often the sides of a round take turns, so that what disturbs the machine disturbs all of them.
	turns = 10
	// report is the heartbeat of a user at work, answer what it is answered.
	report = `{"active":true,"idleSeconds":2}`
	answer = `{"state":"Active","timeoutTime":"2026-03-02T09:30:00Z","prompt":false,"keepAlive":true,"heartbeatIntervalSeconds":30}`
)

// BenchmarkHeartbeat measures heartbeats by HTTP over loopback, in turn with a handler that answers the same text without looking at the request, and with renewals
// of a Lease, which is what a heartbeat costs where each is written down. b.N is how many Leases are renewed in a round; heartbeats are 40 times as many.
func BenchmarkHeartbeat(b *testing.B) {
	ctx, cancel := context.WithTimeout(b.Context(), roundTimeout)
	defer cancel()
	h, err := onStage(b).hearing()
	if err != nil {
		b.Fatal(err)
	}
	r, err := h.round(ctx, b.N)
	if err != nil {
		b.Fatal(err)
	}
	reportFigures(b, beatFigures, r)
	if b.N > 1 {
		rememberedBeats = append(rememberedBeats, r)
	}
}

// hearing is what the rounds use.
type hearing struct {
	*stage
	*replica

	tokens []string
	next   atomic.Int64
	// Each client has a connection to the gateway, one to the bare handler, and a Lease of its own.
	gatewayWires, bareWires chan *wire
	leases                  chan *coordinationv1.Lease
}

// hearing sets it up, for the first round that asks.
func (s *stage) hearing() (*hearing, error) {
	if s.heartbeats != nil {
		return s.heartbeats, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), setUpTimeout)
	defer cancel()
	p, err := s.newPool(ctx, "heard")
	if err != nil {
		return nil, err
	}
	h := &hearing{stage: s}
	if err := p.setIdleTimeout(ctx, 1800); err != nil {
		return nil, err
	}
	if h.replica, err = s.startReplica(ctx, http.HandlerFunc(bare)); err != nil {
		return nil, err
	}
	s.heartbeats = h
	if h.tokens, err = h.replica.tokens(ctx, p, listeners); err != nil {
		return nil, err
	}
	if h.gatewayWires, err = wires(ctx, h.url, h.tokens); err != nil {
		return nil, err
	}
	h.leases = make(chan *coordinationv1.Lease, clients)
	for i := range clients {
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: unserved, Name: "client-" + strconv.Itoa(i)},
			Spec: coordinationv1.LeaseSpec{HolderIdentity: new("client"), LeaseDurationSeconds: new(int32(60))}}
		if err := s.api.Create(ctx, lease); err != nil {
			return nil, err
		}
		h.leases <- lease
	}
	// Every client is heard once, and time is given to write down who hears them: from then on all is as it is all day.
	if _, err := atOnce(len(h.tokens), func(int) error { return h.beat(h.gatewayWires) }); err != nil {
		return nil, err
	}
	time.Sleep(5 * time.Second)
	h.bareWires, err = wires(ctx, h.bareURL, h.tokens) // now: servers close connections on which no request comes
	return h, err
}

// bare answers all alike. It reads the body, as any handler has to so that the connection can be used again.
func bare(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header()["Content-Type"] = []string{"application/json"}
	w.Header()["Cache-Control"] = []string{"no-store"}
	_, _ = w.Write([]byte(answer))
}

// beat sends a heartbeat of the next session.
func (h *hearing) beat(free chan *wire) error {
	w := <-free
	defer func() { free <- w }()
	return w.beat(int(h.next.Add(1)) % len(h.tokens))
}

// renew renews a Lease, as a client would that is heard that way.
func (h *hearing) renew(ctx context.Context) error {
	lease := <-h.leases
	defer func() { h.leases <- lease }()
	lease.Spec.RenewTime = new(metav1.NowMicro())
	return h.api.Update(ctx, lease)
}

// round measures the three sides in turn: so many Leases, and more of the others.
func (h *hearing) round(ctx context.Context, leases int) (r beatRound, err error) {
	before, err := h.read(ctx)
	if err != nil {
		return r, err
	}
	busy, began := busyTime(), time.Now()
	n := max(1, leases/turns)
	for range turns {
		for _, side := range []struct {
			*side
			n  int
			do func(int) error
		}{
			{&r.beats, n * perLease, func(int) error { return h.beat(h.gatewayWires) }},
			{&r.bare, n * perLease, func(int) error { return h.beat(h.bareWires) }},
			{&r.leases, n, func(int) error { return h.renew(ctx) }},
		} {
			if err := side.measure(side.n, side.do); err != nil {
				return r, err
			}
		}
	}
	took := time.Since(began).Seconds() * float64(runtime.NumCPU())
	busy = busyTime() - busy
	after, err := h.read(ctx)
	if err != nil {
		return r, err
	}
	cost := after.since(before)
	r.others = max(0, busy-cost.total()) / took
	r.writes = cost.count(func(q request) bool { return q.resource == "usersessions/status" && q.writes() })
	r.allocs, r.bytes = h.allocations(ctx)
	return r, nil
}

// allocations are what the handler alone allocates for a heartbeat: no network, no server, no client.
func (h *hearing) allocations(ctx context.Context) (count, size float64) {
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/session/heartbeat", nil)
	request.Header.Set("Authorization", "Bearer "+h.tokens[0])
	request.Header.Set("Content-Type", "application/json")
	text := []byte(report)
	body := bytes.NewReader(text)
	request.Body, request.ContentLength = io.NopCloser(body), int64(len(report))
	writer := &nowhere{header: http.Header{}}
	once := func() {
		body.Reset(text)
		h.handler.ServeHTTP(writer, request)
	}
	const times = 50_000
	once()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		once()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / times, float64(after.TotalAlloc-before.TotalAlloc) / times
}

// nowhere is where answers go that nobody reads.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}
