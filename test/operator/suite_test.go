// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package operator_test runs the operator as it ships, as a process with its own service account and no other permission, against a real
// control plane, and looks at it from outside as its users do.
package operator_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
)

const root = "../.."

var (
	cluster *controlplane.Cluster
	// api is the administrator's client.
	api client.WithWatch
	// files holds the built operator and the kubeconfigs.
	files string
)

func TestOperator(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The operator, against a real control plane")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(20 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	EnforceDefaultTimeoutsWhenUsingContexts()

	files = GinkgoT().TempDir()
	run(ctx, "go", "build", "-o", filepath.Join(files, "seatkeeper"), "./cmd/seatkeeper")
	var err error
	cluster, err = controlplane.Start(ctx, controlplane.Options{BinDir: assets(ctx), UnsafeNoFsync: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
	Expect(cluster.WriteKubeconfig(adminKubeconfig())).To(Succeed())
	kubectl(ctx, "apply", "--server-side", "-k", "config/install")
	kubectl(ctx, "wait", "--for=condition=Established", "crd", "--all")
	Expect(cluster.ServiceAccountKubeconfig(ctx, "seatkeeper-system", "seatkeeper", operatorKubeconfig())).To(Succeed())

	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(licensing.AddToScheme(scheme)).To(Succeed())
	api, err = client.NewWithWatch(cluster.RESTConfig(), client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(12*time.Minute))

func adminKubeconfig() string    { return filepath.Join(files, "admin.kubeconfig") }
func operatorKubeconfig() string { return filepath.Join(files, "operator.kubeconfig") }

// assets is the folder of the control plane's binaries: KUBEBUILDER_ASSETS, or what hack/assets.sh finds or builds.
func assets(ctx context.Context) string {
	GinkgoHelper()
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir
	}
	lines := strings.Split(strings.TrimSpace(run(ctx, "hack/assets.sh")), "\n")
	return lines[len(lines)-1]
}

// run runs a command in the project's folder and returns what it printed.
func run(ctx context.Context, name string, args ...string) string {
	GinkgoHelper()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = root
	cmd.Stderr = GinkgoWriter
	out, err := cmd.Output()
	Expect(err).NotTo(HaveOccurred(), "%s %v: %s", name, args, out)
	return string(out)
}

// kubectl runs kubectl as the administrator.
func kubectl(ctx context.Context, args ...string) string {
	GinkgoHelper()
	return run(ctx, filepath.Join(assets(ctx), "kubectl"), append([]string{"--kubeconfig", adminKubeconfig()}, args...)...)
}

// namespace makes a namespace for one spec.
func namespace(ctx context.Context) string {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(api.Create(ctx, ns)).To(Succeed())
	return ns.Name
}
