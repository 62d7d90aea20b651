// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package replica runs replicas of the operator as they ship: as processes with their own service account's permissions and no others, with a gateway
// on a loopback port, against a real control plane. Its clients speak real HTTP. It knows no test framework: what fails is an error.
package replica

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
)

// The operator's own service account.
const (
	Namespace      = "seatkeeper-system"
	ServiceAccount = "seatkeeper"
)

// Audience is what a service account's token must be for to call the gateway, unless a replica is told otherwise.
const Audience = "seatkeeper"

// Installation is a control plane with the operator's kinds and permissions (config/install), and the operator's program.
type Installation struct {
	Cluster *controlplane.Cluster
	// API and Kube are the administrator's clients.
	API  client.WithWatch
	Kube kubernetes.Interface
	// Binary is the built operator.
	Binary string
	// Dir has the kubeconfigs and the replicas' logs.
	Dir string

	root     string
	binDir   string
	replicas atomic.Int32
}

// Install builds the operator and applies config/install. Root is the project's folder, binDir has the control plane's binaries (kubectl among them),
// dir is where the program, the kubeconfigs and the logs go.
func Install(ctx context.Context, cluster *controlplane.Cluster, root, binDir, dir string) (*Installation, error) {
	binary := filepath.Join(dir, "seatkeeper")
	if _, err := run(ctx, root, "go", "build", "-o", binary, "./cmd/seatkeeper"); err != nil {
		return nil, err
	}
	return InstallBuilt(ctx, cluster, binary, root, binDir, dir)
}

// InstallBuilt is Install with an operator that is built already.
func InstallBuilt(ctx context.Context, cluster *controlplane.Cluster, binary, root, binDir, dir string) (*Installation, error) {
	i := &Installation{Cluster: cluster, Binary: binary, Dir: dir, root: root, binDir: binDir}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), licensing.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	var err error
	if i.API, err = client.NewWithWatch(cluster.RESTConfig(), client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	if i.Kube, err = kubernetes.NewForConfig(cluster.RESTConfig()); err != nil {
		return nil, err
	}
	if err := cluster.WriteKubeconfig(i.AdminKubeconfig()); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"apply", "--server-side", "-k", "config/install"},
		{"wait", "--for=condition=Established", "crd", "--all"},
	} {
		if _, err := i.Kubectl(ctx, args...); err != nil {
			return nil, err
		}
	}
	return i, cluster.ServiceAccountKubeconfig(ctx, Namespace, ServiceAccount, i.Kubeconfig())
}

// AdminKubeconfig is the administrator's kubeconfig, Kubeconfig that of the operator's service account.
func (i *Installation) AdminKubeconfig() string { return filepath.Join(i.Dir, "admin.kubeconfig") }

// Kubeconfig is that of the operator's service account.
func (i *Installation) Kubeconfig() string { return filepath.Join(i.Dir, "operator.kubeconfig") }

// Kubectl runs kubectl as the administrator, in the project's folder, and returns what it printed.
func (i *Installation) Kubectl(ctx context.Context, args ...string) (string, error) {
	return run(ctx, i.root, filepath.Join(i.binDir, "kubectl"), append([]string{"--kubeconfig", i.AdminKubeconfig()}, args...)...)
}

func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), fmt.Errorf("%s %v: %w: %s", filepath.Base(name), args, err, exit.Stderr)
	}
	return string(out), err
}

// Assets is the folder of the control plane's binaries: KUBEBUILDER_ASSETS, or what hack/assets.sh in the project's folder finds or builds.
func Assets(ctx context.Context, root string) (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir, nil
	}
	cmd := exec.CommandContext(ctx, "hack/assets.sh")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("hack/assets.sh: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1], nil
}
