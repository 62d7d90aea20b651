// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Command seatkeeper is the operator: it decides who may be signed on to licensed software.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// version is stamped by the build.
var version = "dev"

// fieldManager is the owner of what the operator writes, as managedFields shows it.
const fieldManager = "seatkeeper"

const usage = `Usage:
  seatkeeper [flags]                       the operator
  seatkeeper run --pool POOL -- COMMAND    a seat for a program that knows nothing of seats; see seatkeeper run --help

`

// options are the command line's.
type options struct {
	leaderElect          bool
	leaderElectNamespace string
	metricsAddress       string
	metricsSecure        bool
	probeAddress         string
	gateway              gatewayOptions
	namespaces           string
	qps                  float64
	longestHold          time.Duration
	poolRemovalGrace     time.Duration
	showVersion          bool
	zap                  zap.Options
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "run" {
		os.Exit(runCommand())
	}
	o := &options{zap: zap.Options{StacktraceLevel: zapcore.PanicLevel}} // where in a library an API server's answer was met tells nobody anything
	o.bind(flag.CommandLine)
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), usage)
		flag.PrintDefaults()
	}
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
	o.gateway.bind(flags)
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
		return fmt.Errorf("unknown argument %q: seatkeeper takes flags, or the command run; see --help", flag.Arg(0))
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&o.zap)))
	if o.qps <= 0 {
		return errors.New("--kube-api-qps must be greater than 0")
	}
	if o.namespaces != "" && slices.Contains(strings.Split(o.namespaces, ","), "") {
		return errors.New("--namespaces must be names separated by single commas; leave it out to serve all namespaces")
	}
	if err := o.freePorts(ctx); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster (give --kubeconfig, or set KUBECONFIG): %w", err)
	}
	config.QPS, config.Burst = float32(o.qps), int(2*o.qps)
	config.UserAgent = "seatkeeper/" + version

	// An API server that is away keeps the manager from starting and from stopping: a process that was told to stop goes all the same.
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(longestStop, func() { os.Exit(1) })
	})()
	p, err := newProcess(ctx, o, config)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	ctrl.Log.Info("Starting", "version", version, "replica", p.replica)
	return p.run(ctx)
}
