// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

const (
	// askReady is how often a replica that starts looks whether it is ready.
	askReady = 100 * time.Millisecond
	// mayLead is how long a replica that is ready waits for the lead before it says that it stands by.
	mayLead = 3 * time.Second
)

// sayServing says in one line what this replica serves where, once it does.
func (p *process) sayServing(ctx context.Context) error {
	tick := time.NewTicker(askReady)
	defer tick.Stop()
	var ready time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if ready.IsZero() && p.inTouch(nil) == nil && (p.server == nil || p.server.Ready(nil) == nil) {
				ready = now
			}
			if !ready.IsZero() && (p.leads.Load() || p.leaderElect && now.Sub(ready) >= mayLead) { // without an election each leads
				return p.logServing(ctx)
			}
		}
	}
}

func (p *process) logServing(ctx context.Context) error {
	pools := &licensing.LicensePoolList{}
	if err := p.manager.GetCache().List(ctx, pools); err != nil {
		return fmt.Errorf("counting the pools: %w", err)
	}
	at := "none"
	if p.server != nil {
		at = p.server.Addr().String()
	}
	ctrl.Log.Info("Serving", "leads", p.leads.Load(), "pools", len(pools.Items), "namespaces", orWord(p.namespaces, "", "all"),
		"gateway", at, "metrics", orWord(p.metricsAddress, "0", "none"), "probes", orWord(p.probeAddress, "0", "none"))
	return nil
}

// orWord is the text, or a word in place of one that means nothing to people.
func orWord(text, nothing, word string) string {
	if text == nothing {
		return word
	}
	return text
}

// freePorts says whether the addresses that are to be served are free, so that one that is taken is told in one sentence, and before anything else is begun.
func (o *options) freePorts(ctx context.Context) error {
	for _, one := range []struct{ flag, address string }{
		{"gateway-bind-address", o.gateway.address}, {"metrics-bind-address", o.metricsAddress}, {"health-probe-bind-address", o.probeAddress},
	} {
		if one.address == "0" {
			continue
		}
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", one.address)
		if err != nil {
			return fmt.Errorf("--%s must be an address that is free: %w", one.flag, err)
		}
		if err := listener.Close(); err != nil {
			return err
		}
	}
	return nil
}
