// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/internal/election"
	"github.com/seatkeeper/seatkeeper/internal/gateway"
	poolusage "github.com/seatkeeper/seatkeeper/internal/usage"
	"github.com/seatkeeper/seatkeeper/internal/witness"
)

const (
	// inCluster is where a pod finds its namespace.
	inCluster = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
	// defaultNamespace is the operator's outside a cluster.
	defaultNamespace = "seatkeeper-system"
	// leaderLease is the Lease by which one replica leads.
	leaderLease = "seatkeeper.licensing.seatkeeper.dev"
	// longestStop is how long a process takes to stop in order: the gateway drains, what clients told is written down, the lead is given up.
	longestStop = 40 * time.Second
)

// process is one replica: it hears clients all the time, and leads while it holds the lead.
type process struct {
	*options

	config    *rest.Config
	scheme    *runtime.Scheme
	namespace string
	replica   string

	manager  ctrl.Manager
	direct   client.Client // reads from the API server itself
	roster   *witness.Roster
	recorder *activity.Recorder
	sweeper  *activity.Sweeper
	denials  *poolusage.Counter
	server   *gateway.Server // nil: there is none
	// leads says whether this replica leads.
	leads atomic.Bool
}

func newProcess(ctx context.Context, o *options, config *rest.Config) (*process, error) {
	p := &process{options: o, config: config, scheme: runtime.NewScheme(), namespace: o.ownNamespace(), replica: replicaName()}
	utilruntime.Must(clientgoscheme.AddToScheme(p.scheme))
	utilruntime.Must(licensing.AddToScheme(p.scheme))

	var err error
	for {
		p.manager, err = ctrl.NewManager(config, p.managerOptions())
		if err == nil {
			break
		}
		if !mayPass(err) {
			return nil, fmt.Errorf("preparing the manager: %w", err)
		}
		ctrl.Log.Info("The API server cannot be asked yet; trying again", "error", err.Error())
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
	direct, err := client.New(config, client.Options{Scheme: p.scheme})
	if err != nil {
		return nil, fmt.Errorf("preparing the client: %w", err)
	}
	p.direct = client.WithFieldOwner(direct, fieldManager)

	real := clock.RealClock{}
	p.roster = witness.NewRoster(p.replica, real)
	p.recorder = activity.New(p.replica, real, p.roster.Alive)
	p.denials = &poolusage.Counter{}
	p.sweeper = &activity.Sweeper{
		Denials:  p.denials.Tallies,
		Recorder: p.recorder, Client: p.direct, Live: p.direct, Clock: real, Log: ctrl.Log.WithName("activity"), Freshness: o.gateway.freshness,
		Lease: &witness.Lease{Client: p.direct, Namespace: p.namespace, Replica: p.replica}, Roster: p.roster, Settled: p.roster.Settled,
	}
	return p, nil
}

// run runs the replica until the context ends, or it cannot go on.
func (p *process) run(ctx context.Context) error {
	if err := errors.Join(p.roster.Follow(ctx, p.manager.GetCache()), p.recorder.Follow(ctx, p.manager.GetCache())); err != nil {
		return err
	}
	lead := &election.Election{Config: p.config, Namespace: p.namespace, Name: leaderLease, Identity: p.replica, Lead: p.lead, Log: ctrl.Log.WithName("election")}
	if !p.leaderElect {
		lead.Name = ""
	}
	err := errors.Join(
		p.addGateway(ctx),
		p.manager.Add(everywhere(p.sayServing)),
		p.manager.Add(p.sweeper),
		p.manager.Add(lead),
		p.manager.AddHealthzCheck("ping", healthz.Ping),
		p.manager.AddReadyzCheck("apiserver", p.inTouch),
	)
	if err != nil {
		return err
	}
	return p.manager.Start(ctx)
}

// inTouch is the readiness check of a replica's contact with the API server: without it, its clients had better be heard by another.
func (p *process) inTouch(*http.Request) error {
	switch {
	case !p.sweeper.Witness():
		return errors.New("this replica could not write its lease yet")
	case p.sweeper.CutOff():
		return errors.New("the API server has not been reached for half a minute: clients had better be heard by another replica")
	}
	return nil
}

func (p *process) managerOptions() ctrl.Options {
	options := ctrl.Options{
		Scheme:                  p.scheme,
		HealthProbeBindAddress:  p.probeAddress,
		Metrics:                 metricsserver.Options{BindAddress: p.metricsAddress, SecureServing: p.metricsSecure},
		GracefulShutdownTimeout: new(30 * time.Second),
		Cache:                   p.cacheOptions(),
	}
	if p.metricsSecure {
		options.Metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
		options.Metrics.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 }}
	}
	return options
}

func (p *process) cacheOptions() cache.Options {
	options := cache.Options{
		NewInformer: newInformer,
		// Who manages which field is of no use to the operator and a third of each object's size.
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{&coordinationv1.Lease{}: {
			Namespaces: map[string]cache.Config{p.namespace: {LabelSelector: labels.SelectorFromSet(labels.Set{licensing.LabelReplica: "true"})}},
		}},
	}
	if p.namespaces != "" {
		options.DefaultNamespaces = map[string]cache.Config{}
		for _, name := range splitList(p.namespaces) { // as the gateway reads them
			options.DefaultNamespaces[name] = cache.Config{}
		}
	}
	return options
}

// ownNamespace is where the operator keeps its Leases and the keys of session tokens.
func (o *options) ownNamespace() string {
	if o.leaderElectNamespace != "" {
		return o.leaderElectNamespace
	}
	if name, err := os.ReadFile(inCluster); err == nil && len(name) > 0 {
		return strings.TrimSpace(string(name))
	}
	return defaultNamespace
}

// replicaName is a name that no replica had before, also not this one before it was started anew; it is the name of an object.
func replicaName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "replica"
	}
	host = strings.Trim(strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		default:
			return '-'
		}
	}, host), "-")
	var salt [5]byte
	_, _ = rand.Read(salt[:]) // it never fails
	return "seatkeeper-" + host[:min(len(host), 63)] + "-" + hex.EncodeToString(salt[:])
}
