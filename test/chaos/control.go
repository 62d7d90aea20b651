// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"github.com/seatkeeper/seatkeeper/test/controlplane"
)

// controlFaults are done to what the operator runs on, and to its connections there.
var controlFaults = []fault{
	{14, func(ctx context.Context, l *lane) {
		d := l.between(2*time.Second, 25*time.Second)
		l.breaks("API server stopped", "the API server is stopped for %s", d.Round(time.Second))
		l.must(l.Cluster.StopAPIServer())
		sleep(ctx, d)
		l.must(l.Cluster.RestartAPIServer(l.life))
	}},
	{18, func(ctx context.Context, l *lane) {
		d := l.between(2*time.Second, 40*time.Second)
		l.breaks("API server paused (SIGSTOP)", "the API server is paused for %s", d.Round(time.Second))
		l.must(l.Cluster.PauseAPIServer())
		sleep(ctx, d)
		l.must(l.Cluster.ResumeAPIServer())
	}},
	{12, func(ctx context.Context, l *lane) {
		d := l.between(2*time.Second, 20*time.Second)
		l.breaks("etcd stopped", "etcd is stopped for %s", d.Round(time.Second))
		l.must(l.Cluster.StopEtcd())
		sleep(ctx, d)
		l.must(l.Cluster.RestartEtcd(l.life))
	}},
	{16, func(ctx context.Context, l *lane) {
		p, who := l.victim()
		d := l.between(time.Second, 40*time.Second)
		l.breaks("connection to the API server cut", "%s is cut off from the API server for %s", who, d.Round(time.Second))
		p.proxy.Cut()
		sleep(ctx, d)
		p.proxy.Restore()
	}},
	{20, func(ctx context.Context, l *lane) {
		p, who := l.victim()
		d := l.between(5*time.Second, 50*time.Second)
		l.breaks("connection to the API server silenced", "the connections of %s to the API server fall silent for %s", who, d.Round(time.Second))
		p.proxy.Silence()
		sleep(ctx, d)
		p.proxy.Restore()
	}},
	{6, func(ctx context.Context, l *lane) {
		d := l.between(time.Second, 10*time.Second)
		l.breaks("all connections to the API server cut", "all replicas are cut off from the API server for %s", d.Round(time.Second))
		l.each((*controlplane.Proxy).Cut)
		sleep(ctx, d)
		l.each((*controlplane.Proxy).Restore)
	}},
	{14, func(ctx context.Context, l *lane) {
		p, who := l.victim()
		d, late := l.between(15*time.Second, 40*time.Second), l.between(50*time.Millisecond, 400*time.Millisecond)
		l.breaks("connection to the API server delayed", "what %s and the API server say to each other comes %s late, for %s", who, late.Round(time.Millisecond), d.Round(time.Second))
		p.proxy.Delay(late)
		sleep(ctx, d)
		p.proxy.Restore()
	}},
}

func (l *lane) each(do func(*controlplane.Proxy)) {
	for _, p := range l.places {
		do(p.proxy)
	}
}
