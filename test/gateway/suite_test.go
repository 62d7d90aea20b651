// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package gateway_test runs two replicas of the operator as they ship against a real control plane, and uses the gateway as applications do: by HTTP.
package gateway_test

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/seatkeeper/seatkeeper/test/controlplane"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

const root = "../.."

var (
	op *replica.Installation
	// api is the administrator's client.
	api client.WithWatch
	// first and second are the replicas that most specs share; first began earlier and so leads.
	first, second *replica.Replica
	// one and two make calls to them.
	one, two *replica.Gateway
)

func TestGateway(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "The gateway of two replicas, against a real control plane")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	EnforceDefaultTimeoutsWhenUsingContexts()

	binaries, err := replica.Assets(ctx, root)
	Expect(err).NotTo(HaveOccurred())
	cluster, err := controlplane.Start(ctx, controlplane.Options{BinDir: binaries, UnsafeNoFsync: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(cluster.Stop()).To(Succeed()) })
	op, err = replica.Install(ctx, cluster, root, binaries, GinkgoT().TempDir())
	Expect(err).NotTo(HaveOccurred())
	api = op.API

	first = startReplica(ctx, replica.Options{LeaderElect: true})
	second = startReplica(ctx, replica.Options{LeaderElect: true})
	one, two = first.Gateway(), second.Gateway()
}, NodeTimeout(12*time.Minute))

// startReplica starts a replica that ends with the spec, or the suite, that starts it: in order and without an error, if it has not ended before.
func startReplica(ctx context.Context, o replica.Options) *replica.Replica {
	GinkgoHelper()
	r, err := op.Start(ctx, o)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		select {
		case <-r.Ended():
		default:
			Expect(r.Stop()).To(Succeed())
		}
		AddReportEntry("log", r.Log(), ReportEntryVisibilityFailureOrVerbose)
	})
	return r
}

// place is a namespace with an application server that may sign users on there.
type place struct {
	ns string
	// token is the application server's.
	token string
}

// somewhere makes a namespace of one spec's own, with these objects.
func somewhere(ctx context.Context, objects ...client.Object) *place {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-"}}
	Expect(api.Create(ctx, ns)).To(Succeed())
	p := &place{ns: ns.Name}
	p.create(ctx, objects...)
	var err error
	p.token, err = op.AppServer(ctx, p.ns, "portal")
	Expect(err).NotTo(HaveOccurred())
	return p
}

// create makes objects in the namespace.
func (p *place) create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, obj := range objects {
		obj.SetNamespace(p.ns)
		Expect(api.Create(ctx, obj)).To(Succeed())
	}
}
