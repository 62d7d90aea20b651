// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package bench_test measures the operator as it ships, as a process with its own service account and no other permission, against a real control
// plane. Nothing in it asserts a time. docs/benchmarks.md says how to read what it prints.
package bench_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
)

const (
	root = "../.."

	// served is the only namespace that the operator serves; in the other nobody acts on what is created.
	served, unserved = "served", "unserved"
)

// stage is what the benchmarks run on. It is set up for the first benchmark that asks for it, so that `go test` without -bench starts nothing.
type stage struct {
	files    string
	assets   string
	cluster  *controlplane.Cluster
	operator *controlplane.Child
	// operatorMetrics is where the operator serves its metrics.
	operatorMetrics string
	// api is the administrator's client.
	api client.WithWatch
	// raw is the administrator's as well, for the API server's metrics.
	raw kubernetes.Interface
	// heartbeats is set up for the first benchmark of heartbeats.
	heartbeats *hearing
}

var (
	theStage     = &stage{}
	setUpOnce    = sync.OnceValue(func() error { return theStage.setUp(context.Background()) })
	setUpTimeout = 12 * time.Minute
)

func TestMain(m *testing.M) {
	flag.Parse()
	log.SetLogger(logr.Discard())
	if flag.Lookup("test.bench").Value.String() != "" {
		printUnits(os.Stdout)
	}
	code := m.Run()
	printSummaries(os.Stdout)
	if err := theStage.tearDown(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// onStage returns the stage, set up.
func onStage(b *testing.B) *stage {
	b.Helper()
	if err := setUpOnce(); err != nil {
		b.Fatal(err)
	}
	return theStage
}

func (s *stage) setUp(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, setUpTimeout)
	defer cancel()
	if s.files, err = os.MkdirTemp("", "seatkeeper-bench-"); err != nil {
		return err
	}
	if err := s.findAssets(ctx); err != nil {
		return err
	}
	if _, err := run(ctx, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", s.file("seatkeeper"), "./cmd/seatkeeper"); err != nil {
		return err
	}
	if s.cluster, err = controlplane.Start(ctx, controlplane.Options{BinDir: s.assets, UnsafeNoFsync: true}); err != nil {
		return err
	}
	if err := s.install(ctx); err != nil {
		return err
	}
	if err := s.connect(); err != nil {
		return err
	}
	for _, name := range []string{served, unserved} {
		if err := s.api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	return s.startOperator(ctx)
}

// findAssets finds the control plane's binaries: KUBEBUILDER_ASSETS, or what hack/assets.sh finds or builds.
func (s *stage) findAssets(ctx context.Context) error {
	if s.assets = os.Getenv("KUBEBUILDER_ASSETS"); s.assets != "" {
		return nil
	}
	out, err := run(ctx, "hack/assets.sh")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	s.assets = lines[len(lines)-1]
	return err
}

// install applies the kinds and permissions, as `make install` does.
func (s *stage) install(ctx context.Context) error {
	if err := s.cluster.WriteKubeconfig(s.file("admin.kubeconfig")); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"apply", "--server-side", "-k", "config/install"},
		{"wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"},
	} {
		args = append([]string{"--kubeconfig", s.file("admin.kubeconfig")}, args...)
		if _, err := run(ctx, filepath.Join(s.assets, "kubectl"), args...); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) connect() (err error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), licensing.AddToScheme(scheme)); err != nil {
		return err
	}
	if s.api, err = client.NewWithWatch(s.cluster.RESTConfig(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	s.raw, err = kubernetes.NewForConfig(s.cluster.RESTConfig())
	return err
}

func (s *stage) startOperator(ctx context.Context) error {
	if err := s.cluster.ServiceAccountKubeconfig(ctx, "seatkeeper-system", "seatkeeper", s.file("operator.kubeconfig")); err != nil {
		return err
	}
	address, err := controlplane.FreeAddress("")
	if err != nil {
		return err
	}
	s.operatorMetrics = "http://" + address + "/metrics"
	s.operator, err = controlplane.StartChild(s.file("seatkeeper"), s.file("operator.log"),
		"--kubeconfig="+s.file("operator.kubeconfig"), "--leader-elect=false", "--namespaces="+served, "--metrics-bind-address="+address)
	return err
}

// tearDown ends all that setUp started, the newest first, and removes what was written.
func (s *stage) tearDown() error {
	var errs []error
	if s.heartbeats != nil {
		s.heartbeats.end()
	}
	if s.operator != nil {
		errs = append(errs, s.operator.Stop(10*time.Second))
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop())
	}
	if s.files != "" {
		errs = append(errs, os.RemoveAll(s.files))
	}
	return errors.Join(errs...)
}

func (s *stage) file(name string) string { return filepath.Join(s.files, name) }

// run runs a command in the project's folder and returns what it printed; an error quotes what it said.
func run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = root
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %v: %w\n%s%s", name, args, err, out, said.String())
	}
	return string(out), nil
}
