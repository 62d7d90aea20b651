// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package console_test looks at the page of `kubectl seats console` as people do, in a real Chromium: against a real API server, a replica of the operator as it ships, and the built
// plugin with the kubeconfigs of people who may do more or less.
package console_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

const root = "../.."

var (
	op *replica.Installation
	// served is the only replica, and gateway makes calls to it.
	served  *replica.Replica
	gateway *replica.Gateway
	// plugin is the built kubectl-seats.
	plugin string
)

func TestConsole(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The console's page in Chromium, against a real control plane")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(100 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	EnforceDefaultTimeoutsWhenUsingContexts()

	startChromium(ctx)
	binaries, err := replica.Assets(ctx, root)
	Expect(err).NotTo(HaveOccurred())
	cluster, err := controlplane.Start(ctx, controlplane.Options{BinDir: binaries, UnsafeNoFsync: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
	dir := GinkgoT().TempDir()
	op, err = replica.Install(ctx, cluster, root, binaries, dir)
	Expect(err).NotTo(HaveOccurred())
	plugin = filepath.Join(dir, "kubectl-seats")
	build := exec.CommandContext(ctx, "go", "build", "-o", plugin, "./cmd/kubectl-seats")
	build.Dir = root
	out, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))

	address, err := controlplane.FreeAddress(outside())
	Expect(err).NotTo(HaveOccurred())
	// It writes nothing for freshness alone, so that records lag behind what it knows.
	r, err := op.Start(ctx, replica.Options{Address: address, Args: []string{"--freshness-budget=0"}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(r.Stop()).To(Succeed()) })
	served, gateway = r, r.Gateway()
	DeferCleanup(gateway.Close)
}, NodeTimeout(12*time.Minute))

// outside is an address of this machine that is not loopback, to which the API server's pod proxy refuses to go.
func outside() string {
	GinkgoHelper()
	addresses, err := net.InterfaceAddrs()
	Expect(err).NotTo(HaveOccurred())
	for _, a := range addresses {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && ip.IP.IsGlobalUnicast() {
			return ip.IP.String()
		}
	}
	Fail("this machine must have an address that is not loopback: the API server proxies to no pod at a loopback address")
	return ""
}

// place is a namespace with an application server that may sign users on there.
type place struct{ ns, token string }

// somewhere makes a namespace of one spec's own, with these objects.
func somewhere(ctx context.Context, objects ...client.Object) *place {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(op.API.Create(ctx, ns)).To(Succeed())
	p := &place{ns: ns.Name}
	for _, object := range objects {
		object.SetNamespace(p.ns)
		Expect(op.API.Create(ctx, object)).To(Succeed())
	}
	var err error
	p.token, err = op.AppServer(ctx, p.ns, "portal")
	Expect(err).NotTo(HaveOccurred())
	return p
}

// signOn signs a user on to a pool, which must have a seat.
func (p *place) signOn(ctx context.Context, pool string, login gatewayapi.Login) *gatewayapi.SignedOn {
	GinkgoHelper()
	var answer *replica.Answer[gatewayapi.SignedOn]
	// A replica that has not seen the pool yet asks to come again.
	Eventually(func() (int, error) {
		var err error
		answer, err = gateway.SignOn(ctx, p.token, p.ns, pool, login, replica.SignOnOptions{Wait: 10 * time.Second})
		if err != nil {
			return 0, err
		}
		return answer.Status, nil
	}).WithContext(ctx).Should(Equal(201))
	return answer.OK
}

// record reads a session from the API server.
func (p *place) record(ctx context.Context, name string) *licensing.UserSession {
	GinkgoHelper()
	s := &licensing.UserSession{}
	Expect(op.API.Get(ctx, client.ObjectKey{Namespace: p.ns, Name: name}, s)).To(Succeed())
	return s
}

// console is a running `kubectl seats console`.
type console struct {
	mu   sync.Mutex
	urls []string
}

// url is the n-th that was printed, counted from 0.
func (c *console) url(n int) func() string {
	return func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		if n < len(c.urls) {
			return c.urls[n]
		}
		return ""
	}
}

// startConsole runs the plugin with a kubeconfig until the spec ends.
func startConsole(ctx context.Context, kubeconfig string, args ...string) *console {
	GinkgoHelper()
	cmd := exec.Command(plugin, append([]string{"console", "--kubeconfig", kubeconfig}, args...)...) //nolint:noctx // it ends by a signal, in order
	out, err := cmd.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	cmd.Stderr = GinkgoWriter
	Expect(cmd.Start()).To(Succeed())
	c := &console{}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			fmt.Fprintln(GinkgoWriter, lines.Text())
			if at := strings.Index(lines.Text(), "http://"); at >= 0 {
				c.mu.Lock()
				c.urls = append(c.urls, lines.Text()[at:])
				c.mu.Unlock()
			}
		}
	}()
	DeferCleanup(func() {
		Expect(cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
		<-read
		Expect(cmd.Wait()).To(Succeed())
	})
	Eventually(c.url(0)).WithContext(ctx).ShouldNot(BeEmpty())
	return c
}
