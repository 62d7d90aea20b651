// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/seatkeeper/seatkeeper/internal/callers"
	"github.com/seatkeeper/seatkeeper/internal/clientip"
	"github.com/seatkeeper/seatkeeper/internal/gateway"
	"github.com/seatkeeper/seatkeeper/internal/servingcert"
	"github.com/seatkeeper/seatkeeper/internal/sessiontoken"
)

// gatewayOptions are the command line's for the gateway.
type gatewayOptions struct {
	address   string
	tls       string
	tlsHosts  string
	audience  string
	proxies   string
	rate      float64
	waiting   int
	freshness float64
	rotate    time.Duration
}

func (o *gatewayOptions) bind(flags *flag.FlagSet) {
	flags.StringVar(&o.address, "gateway-bind-address", "0", "The address that the gateway serves applications at, as :9443; 0: none.")
	flags.StringVar(&o.tls, "gateway-tls", "self-signed", "off: plain HTTP; self-signed: a certificate of this process's own; otherwise a folder with tls.crt and tls.key, read anew when they change.")
	flags.StringVar(&o.tlsHosts, "gateway-tls-hosts", "seatkeeper-gateway,seatkeeper-gateway."+defaultNamespace+".svc", "Comma-separated names that a self-signed certificate is for, beside localhost and the host's.")
	flags.StringVar(&o.audience, "gateway-audience", "seatkeeper", "The audience that a service-account token must be for to call the gateway.")
	flags.StringVar(&o.proxies, "gateway-trusted-proxies", "", "Comma-separated networks (10.0.0.0/8) of proxies whose X-Forwarded-For and Forwarded headers are believed; default: none.")
	flags.Float64Var(&o.rate, "gateway-rate", 500, "Calls a second that one application server may make, twice that in a burst.")
	flags.IntVar(&o.waiting, "gateway-max-waiting", 1000, "Logins that may wait for a seat at a time; more are answered 503.")
	flags.Float64Var(&o.freshness, "freshness-budget", 50, "Writes a second that each replica makes at the most so that shown times are fresh; 0: none. Deadlines never depend on them.")
	flags.DurationVar(&o.rotate, "session-key-rotation", 24*time.Hour, "How long a key signs session tokens before the next one does.")
}

// +kubebuilder:rbac:groups=licensing.seatkeeper.dev,resources=usersessions,verbs=create;patch;delete

// addGateway adds the gateway and what it needs to the manager.
func (p *process) addGateway(ctx context.Context) error {
	o := &p.gateway
	if o.address == "0" {
		return nil
	}
	proxies, err := clientip.Parse(o.proxies)
	if err != nil {
		return fmt.Errorf("--gateway-trusted-proxies: %w", err)
	}
	log := ctrl.Log.WithName("gateway")
	hosts := splitList(o.tlsHosts)
	if host, err := os.Hostname(); err == nil {
		hosts = append(hosts, host)
	}
	tls, err := servingcert.Config(ctx, o.tls, hosts, log)
	if err != nil {
		return fmt.Errorf("--gateway-tls: %w", err)
	}
	kube, err := kubernetes.NewForConfig(p.config)
	if err != nil {
		return fmt.Errorf("preparing the client: %w", err)
	}
	keys := &sessiontoken.Keeper{
		Client: p.direct, Reader: p.direct, Namespace: p.namespace, Name: sessiontoken.SecretName, RotateEvery: o.rotate,
		OldestSession: p.recorder.Oldest, Clock: clock.RealClock{}, Log: log.WithName("keys"),
	}
	server := &gateway.Server{
		Address: o.address, TLS: tls, Log: log,
		Gateway: &gateway.Gateway{
			Client: p.direct, Live: p.direct, Cache: p.manager.GetCache(), Recorder: p.recorder, Tokens: keys,
			Callers: callers.New(kube.AuthenticationV1().TokenReviews(), kube.AuthorizationV1().SubjectAccessReviews(), o.audience),
			Proxies: proxies, Replica: p.replica, Clock: clock.RealClock{}, Log: log,
			CutOff: p.sweeper.CutOff, Denials: p.denials, Namespaces: splitList(p.namespaces),
			Limits: gateway.Limits{CallerRate: o.rate, Waiting: o.waiting},
		},
	}
	for _, add := range []func() error{
		func() error { return p.manager.Add(keys) },
		func() error {
			drained := make(chan struct{})
			p.sweeper.Drained = drained
			return p.manager.Add(everywhere(func(ctx context.Context) error {
				defer close(drained)
				return server.Start(ctx)
			}))
		},
		func() error { return p.manager.AddReadyzCheck("gateway", server.Ready) },
		func() error { p.server = server; return nil },
	} {
		if err := add(); err != nil {
			return err
		}
	}
	return nil
}

// everywhere runs on every replica. The manager stops what only a leader runs after all else, and the sweeper, which waits for the gateway, would wait in vain.
type everywhere func(ctx context.Context) error

// Start is manager.Runnable's.
func (e everywhere) Start(ctx context.Context) error { return e(ctx) }

// NeedLeaderElection is false.
func (e everywhere) NeedLeaderElection() bool { return false }

// splitList is the parts of a comma-separated list.
func splitList(list string) []string {
	return strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' })
}
