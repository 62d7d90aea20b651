// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Command seatkeeper is the operator: it decides who may be signed on to licensed software.
package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/controllers"
)

// version is stamped by the build.
var version = "dev"

// fieldManager is the owner of what the operator writes, as managedFields shows it.
const fieldManager = "seatkeeper"

// options are the command line's.
type options struct {
	leaderElect          bool
	leaderElectNamespace string
	metricsAddress       string
	metricsSecure        bool
	probeAddress         string
	gatewayAddress       string
	gatewayTLS           string
	namespaces           string
	qps                  float64
	longestHold          time.Duration
	poolRemovalGrace     time.Duration
	showVersion          bool
	zap                  zap.Options
}

func main() {
	o := &options{}
	o.bind(flag.CommandLine)
	flag.Parse()
	if o.showVersion {
		fmt.Println("seatkeeper", version)
		return
	}
	if err := o.run(); err != nil {
		fmt.Fprintln(os.Stderr, "seatkeeper:", err)
		os.Exit(1)
	}
}

func (o *options) bind(flags *flag.FlagSet) {
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "Let one of several replicas grant seats; the others stand by. Seats are never oversold either way.")
	flags.StringVar(&o.leaderElectNamespace, "leader-elect-namespace", "", "The namespace of the leader election's Lease; default: the pod's own, or seatkeeper-system outside a cluster.")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", "0", "The address that metrics are served at, as :8443; 0: none.")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", false, "Serve metrics by HTTPS to those whom RBAC lets get /metrics.")
	flags.StringVar(&o.probeAddress, "health-probe-bind-address", "0", "The address that /healthz and /readyz are served at, as :8081; 0: none.")
	// The command line of the design is accepted as a whole, so that manifests written for it start this version too; it says what it lacks.
	flags.StringVar(&o.gatewayAddress, "gateway-bind-address", "0", "Accepted and not used: this version has no HTTP gateway yet, and nothing listens there.")
	flags.StringVar(&o.gatewayTLS, "gateway-tls", "self-signed", "Accepted and not used, as --gateway-bind-address: off, self-signed or a folder.")
	flags.StringVar(&o.namespaces, "namespaces", "", "Comma-separated namespaces to serve; default: all.")
	flags.Float64Var(&o.qps, "kube-api-qps", 1000, "Requests a second to the API server at the most, twice that in a burst.")
	flags.DurationVar(&o.longestHold, "longest-expiry-hold", 15*time.Minute, "How long sessions of missing clients are held at the most when most of a pool's clients fall silent at once.")
	flags.DurationVar(&o.poolRemovalGrace, "pool-removal-grace", 5*time.Minute, "How long sessions stay on after their pool was deleted: it may be applied again.")
	flags.BoolVar(&o.showVersion, "version", false, "Print the version and exit.")
	o.zap.BindFlags(flags)
}

// run starts the operator and returns when it was told to stop, or could not go on.
func (o *options) run() error {
	ctx := ctrl.SetupSignalHandler() // before anything else: an operator that is told to stop while it starts goes in order as well
	if flag.NArg() > 0 {
		return fmt.Errorf("unknown argument %q: seatkeeper takes flags only, see --help", flag.Arg(0))
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&o.zap)))
	if o.qps <= 0 {
		return errors.New("--kube-api-qps must be greater than 0")
	}
	if o.namespaces != "" && slices.Contains(strings.Split(o.namespaces, ","), "") {
		return errors.New("--namespaces must be names separated by single commas; leave it out to serve all namespaces")
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster (give --kubeconfig, or set KUBECONFIG): %w", err)
	}
	config.QPS, config.Burst = float32(o.qps), int(2*o.qps)
	config.UserAgent = "seatkeeper/" + version

	manager, err := ctrl.NewManager(config, o.managerOptions())
	if err != nil {
		return fmt.Errorf("preparing the manager: %w", err)
	}
	pools := &controllers.LicensePoolReconciler{
		Client:   client.WithFieldOwner(manager.GetClient(), fieldManager),
		Live:     manager.GetAPIReader(),
		Recorder: manager.GetEventRecorder(fieldManager),
		Clock:    clock.RealClock{},

		LongestHold:      o.longestHold,
		PoolRemovalGrace: o.poolRemovalGrace,
	}
	if err := pools.SetupWithManager(manager); err != nil {
		return fmt.Errorf("setting up the pools' controller: %w", err)
	}
	if err := errors.Join(manager.AddHealthzCheck("ping", healthz.Ping), manager.AddReadyzCheck("ping", healthz.Ping)); err != nil {
		return err
	}
	ctrl.Log.Info("Starting", "version", version)
	if o.gatewayAddress != "0" {
		ctrl.Log.Info("This version has no HTTP gateway: nothing listens at --gateway-bind-address", "address", o.gatewayAddress)
	}
	return manager.Start(ctx)
}

func (o *options) managerOptions() ctrl.Options {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(licensing.AddToScheme(scheme))
	namespace := o.leaderElectNamespace
	if _, err := os.Stat("/var/run/secrets/kubernetes.io/serviceaccount/namespace"); err != nil && namespace == "" {
		namespace = "seatkeeper-system"
	}
	options := ctrl.Options{
		Scheme:                        scheme,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              "seatkeeper.licensing.seatkeeper.dev",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
		HealthProbeBindAddress:        o.probeAddress,
		Metrics:                       metricsserver.Options{BindAddress: o.metricsAddress, SecureServing: o.metricsSecure},
		GracefulShutdownTimeout:       new(20 * time.Second),
		// Who manages which field is of no use to the operator and a third of each object's size.
		Cache: cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
	}
	options.Controller.ReconciliationTimeout = 2 * time.Minute
	if o.metricsSecure {
		options.Metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
		options.Metrics.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.MinVersion = tls.VersionTLS12 }}
	}
	if o.namespaces != "" {
		options.Cache.DefaultNamespaces = map[string]cache.Config{}
		for name := range strings.SplitSeq(o.namespaces, ",") {
			options.Cache.DefaultNamespaces[name] = cache.Config{}
		}
	}
	return options
}
