// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"
)

// settleTimeout is how long the operator has to count that everybody left.
const settleTimeout = 20 * time.Second

// settle waits until nobody is signed in and the pool says so, or for settleTimeout.
func (s *seats) settle(ctx context.Context) picture {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for {
		p := s.picture()
		if p.idle() {
			return p
		}
		select {
		case <-ctx.Done():
			return s.picture()
		case <-s.changed:
		}
	}
}

// beatsShow is how long a run must be so that heartbeats are sure to be sent: visits last longer than the interval of pool.yaml.
const beatsShow = 15 * time.Second

// missing lists what a run should have shown and did not; empty: all is well.
func missing(p picture, ran time.Duration) []string {
	var list []string
	add := func(when bool, format string, args ...any) {
		if when {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(p.counts.granted == 0, "no seat was granted")
	add(p.counts.denied == 0, "nobody was denied, though more users came than there are seats")
	add(p.mostConnections < p.seats, "the pool never filled: at most %d of %d concurrent seats were taken", p.mostConnections, p.seats)
	add(ran >= beatsShow && p.calls.heartbeats == 0, "no heartbeat was answered")
	add(len(p.violations) > 0, "more connections were live than there are seats: %s", strings.Join(p.violations, "; "))
	add(p.connections > 0, "%d concurrent connections were still live after all users left", p.connections)
	if p.concurrent == nil {
		add(true, "the pool shows no concurrent seats")
		return list
	}
	add(*p.concurrent.Used > 0, "the pool still counted %d concurrent seats as used after all users left", *p.concurrent.Used)
	add(*p.concurrent.Available != *p.concurrent.Licensed, "the pool showed %d of %d concurrent seats as available after all users left",
		*p.concurrent.Available, *p.concurrent.Licensed)
	return list
}

// summarize prints what happened in all.
func summarize(out io.Writer, p picture, ran time.Duration) {
	c := p.counts
	fmt.Fprintf(out, "\nIn %s: %d seats granted, %d logins shared one, %d waited, %d were denied.\n",
		ran.Round(time.Second), c.granted, c.shared, c.waited, c.denied)
	fmt.Fprintf(out, "%d sessions ended, %d of them otherwise than by signing out: their clients were told. Concurrent seats taken: %d of %d at the most, %d now.\n",
		c.left, c.told, p.mostConnections, p.seats, p.connections)
	fmt.Fprintf(out, "The gateway answered %d calls, %d of them heartbeats; %d failed and were made again.\n", p.calls.all, p.calls.heartbeats, p.calls.failed)
}
