// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Cluster runs a local control plane in the foreground until it is interrupted, for `make cluster`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/seatkeeper/seatkeeper/test/controlplane"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "bin/kubeconfig", "where the administrator's kubeconfig is written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, *kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig string) (err error) {
	// Who waits for this file must not find that of an earlier run.
	if err := os.Remove(kubeconfig); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(kubeconfig), 0o755); err != nil {
		return err
	}
	fmt.Println("Starting etcd, kube-apiserver and kube-controller-manager...")
	began := time.Now()
	cluster, err := controlplane.Start(ctx, controlplane.Options{UnsafeNoFsync: true})
	if err != nil {
		if ctx.Err() != nil {
			return nil // interrupted while starting; Start cleaned up
		}
		return err
	}
	defer func() {
		fmt.Println("\nStopping...")
		err = errors.Join(err, cluster.Stop(), os.Remove(kubeconfig))
	}()
	if err := cluster.WriteKubeconfig(kubeconfig); err != nil {
		return err
	}
	fmt.Printf(`Ready after %.1f s at %s. Its data is gone when it ends; Ctrl-C ends it.

In another terminal:

  export KUBECONFIG=%s
  make install                       # the kinds and permissions
  kubectl apply -k config/samples    # a pool, an account, a session, and an application server
  kubectl get pools,usessions -A     # once the operator runs:
  make build && bin/seatkeeper --leader-elect=false --gateway-bind-address=127.0.0.1:9443 --gateway-tls=off

`, time.Since(began).Seconds(), cluster.RESTConfig().Host, absolute(kubeconfig))
	return cluster.Wait(ctx)
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
