// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/seatkeeper/seatkeeper/test/controlplane"
)

const (
	operatorNamespace = "seatkeeper-system"
	operatorAccount   = "seatkeeper"
	operatorGrace     = 15 * time.Second
	// usualGateway is where the gateway listens, unless somebody else does.
	usualGateway   = "127.0.0.1:9443"
	installTimeout = time.Minute
)

// stage is what the demo runs on: a control plane and the operator, both children of this process, and a folder for all they write.
type stage struct {
	dir        string
	kubeconfig string // the administrator's
	// environment is a file that sets what the hints on screen use.
	environment string
	kubectl     string
	janitor     *janitor
	cluster     *controlplane.Cluster
	operator    *controlplane.Child
	gateway     string // its URL
}

// setUp starts the control plane, installs the kinds and permissions, starts the operator and applies the sample pool.
// What it started is in the stage also when it fails; tearDown ends it.
func (s *stage) setUp(ctx context.Context, say func(string)) (err error) {
	if s.dir, err = os.MkdirTemp("", "seatkeeper-demo-"); err != nil {
		return err
	}
	if s.kubeconfig, err = filepath.Abs(s.kubeconfig); err != nil {
		return err
	}
	s.environment = filepath.Join(filepath.Dir(s.kubeconfig), "demo.env")
	if s.janitor, err = startJanitor(s.dir, s.kubeconfig, s.environment); err != nil {
		return errors.Join(err, os.Remove(s.dir))
	}
	say("Starting etcd, kube-apiserver and kube-controller-manager")
	s.cluster, err = controlplane.Start(ctx, controlplane.Options{DataDir: filepath.Join(s.dir, "controlplane"), UnsafeNoFsync: true})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.kubeconfig), 0o755); err != nil {
		return err
	}
	if err := s.cluster.WriteKubeconfig(s.kubeconfig); err != nil {
		return err
	}
	say("Installing the kinds and permissions")
	if err := s.install(ctx); err != nil {
		return err
	}
	say("Starting the operator with its gateway, and the permissions of its own service account")
	if err := s.startOperator(ctx); err != nil {
		return err
	}
	if err := s.writeEnvironment("itsm", "service-desk"); err != nil {
		return err
	}
	return s.run(ctx, "apply", "-f", "hack/demo/pool.yaml")
}

// install does what `make install` does.
func (s *stage) install(ctx context.Context) error {
	err := s.run(ctx, "apply", "--server-side", "--force-conflicts", "--field-manager=seatkeeper-install", "-k", "config/install")
	if err != nil {
		return err
	}
	return s.run(ctx, "wait", "--for=condition=Established", "--timeout=60s", "crd/licensepools.licensing.seatkeeper.dev",
		"crd/licenseaccounts.licensing.seatkeeper.dev", "crd/usersessions.licensing.seatkeeper.dev")
}

// startOperator starts it and waits until its gateway serves.
func (s *stage) startOperator(ctx context.Context) error {
	kubeconfig := filepath.Join(s.dir, "operator.kubeconfig")
	if err := s.cluster.ServiceAccountKubeconfig(ctx, operatorNamespace, operatorAccount, kubeconfig); err != nil {
		return err
	}
	gateway, err := freeAddress(ctx, usualGateway)
	if err != nil {
		return err
	}
	health, err := controlplane.FreeAddress("")
	if err != nil {
		return err
	}
	// Plain HTTP, so that curl needs no certificate: it does not leave this machine.
	if s.operator, err = controlplane.StartChild("bin/seatkeeper", filepath.Join(s.dir, "operator.log"),
		"--kubeconfig="+kubeconfig, "--leader-elect=false", "--gateway-bind-address="+gateway, "--gateway-tls=off", "--health-probe-bind-address="+health); err != nil {
		return err
	}
	s.gateway = "http://" + gateway
	return s.awaitServing(ctx, "http://"+health+"/readyz")
}

// awaitServing waits until the operator says that it is ready.
func (s *stage) awaitServing(ctx context.Context, readyz string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("the operator's gateway did not serve within %s", readyTimeout))
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.operator.Wait(ctx) }()
	for !answers(ctx, readyz) {
		select {
		case err := <-ended:
			if err != nil {
				return err
			}
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

// writeEnvironment writes what the hints on screen use.
func (s *stage) writeEnvironment(namespace, pool string) error {
	tools, err := filepath.Abs("bin")
	if err != nil {
		return err
	}
	return os.WriteFile(s.environment, fmt.Appendf(nil, `export KUBECONFIG=%q
export PATH="$PATH":%q:%q
export GATEWAY=%s
export POOL=$GATEWAY/v1/namespaces/%s/pools/%s
`, s.kubeconfig, tools, filepath.Dir(s.kubectl), s.gateway, namespace, pool), 0o600)
}

// answers says whether a URL answers 200.
func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// freeAddress is the address that is liked best or, if somebody listens there, another loopback address.
func freeAddress(ctx context.Context, best string) (string, error) {
	if listener, err := new(net.ListenConfig).Listen(ctx, "tcp", best); err == nil {
		return best, listener.Close()
	}
	return controlplane.FreeAddress("")
}

// run runs kubectl as the administrator; an error quotes what it said.
func (s *stage) run(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, installTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, s.kubectl, append([]string{"--kubeconfig=" + s.kubeconfig}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// wait returns when the context is done, without an error, or when the operator or a part of the control plane ended by itself, with one.
func (s *stage) wait(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	go func() { ended <- s.operator.Wait(ctx) }()
	go func() { ended <- s.cluster.Wait(ctx) }()
	return <-ended
}

// tearDown ends all that setUp started, the newest first, and removes what was written.
func (s *stage) tearDown() error {
	var errs []error
	if s.operator != nil {
		errs = append(errs, s.operator.Stop(operatorGrace))
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop())
	}
	if s.janitor != nil {
		errs = append(errs, s.janitor.sweep())
	}
	return errors.Join(errs...)
}

// janitor is a shell that removes files once this process has ended, however it ends: killed, too. It waits for the end of a pipe that
// this process alone holds open.
type janitor struct {
	cmd   *exec.Cmd
	alive io.Closer
}

// The children that write there die with this process, but a moment later, so removing is tried again.
const sweepScript = `while read -r _; do :; done
for _ in 1 2 3 4 5; do rm -rf -- "$@" 2>/dev/null && exit 0; sleep 1; done
exit 1`

func startJanitor(paths ...string) (*janitor, error) {
	cmd := exec.Command("sh", append([]string{"-c", sweepScript, "sh"}, paths...)...) //nolint:noctx // it outlives every context
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C is not for it
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the shell that cleans up: %w", err)
	}
	return &janitor{cmd, alive}, nil
}

// sweep lets the janitor remove the files now.
func (j *janitor) sweep() error {
	if err := j.alive.Close(); err != nil {
		return err
	}
	if err := j.cmd.Wait(); err != nil {
		return fmt.Errorf("removing temporary files: %w", err)
	}
	return nil
}
