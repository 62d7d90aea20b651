// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/seatkeeper/seatkeeper/controllers"
)

// lead grants and ends sessions until the context ends. It has a manager of its own, with its own view: what an earlier lead knew may be old.
func (p *process) lead(ctx context.Context) error {
	options := ctrl.Options{
		Scheme:                  p.scheme,
		Cache:                   p.cacheOptions(),
		HealthProbeBindAddress:  "0",
		Metrics:                 metricsserver.Options{BindAddress: "0"},
		GracefulShutdownTimeout: new(10 * time.Second),
	}
	options.Controller.ReconciliationTimeout = 2 * time.Minute
	options.Controller.SkipNameValidation = new(true) // one lead follows another
	manager, err := ctrl.NewManager(p.config, options)
	if err != nil {
		return fmt.Errorf("preparing to lead: %w", err)
	}
	pools := &controllers.LicensePoolReconciler{
		Client:   client.WithFieldOwner(manager.GetClient(), fieldManager),
		Live:     manager.GetAPIReader(),
		Recorder: manager.GetEventRecorder(fieldManager),
		Clock:    clock.RealClock{},
		Roster:   p.roster,

		LongestHold:      p.longestHold,
		PoolRemovalGrace: p.poolRemovalGrace,
	}
	if err := pools.SetupWithManager(manager); err != nil {
		return fmt.Errorf("setting up the pools' controller: %w", err)
	}
	histories := &controllers.LicenseUsageReconciler{Client: pools.Client, Live: pools.Live, Recorder: pools.Recorder, Clock: pools.Clock, Tallies: p.roster.Tallies}
	if err := histories.SetupWithManager(manager); err != nil {
		return fmt.Errorf("setting up the histories' controller: %w", err)
	}
	defer controllers.ForgetHolds()
	p.leads.Store(true)
	defer p.leads.Store(false)
	return manager.Start(ctx)
}
