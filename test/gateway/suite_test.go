// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package gateway_test runs two replicas of the operator as they ship against a real control plane, and uses the gateway as applications do: by HTTP.
package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
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
	// api is the administrator's client.
	api client.WithWatch
	// first and second are the replicas that most specs share. All replicas share one election.
	first, second *replica.Replica
	// earliest began before the others and leads, until it is stopped before the specs.
	earliest *replica.Replica
	// strict makes no writes for freshness, has low limits, and trusts proxies of this machine; secure serves HTTPS.
	strict, secure *replica.Replica
	// one, two, three and safe make calls to these.
	one, two, three, safe *replica.Gateway
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

	earliest = startReplica(ctx, replica.Options{LeaderElect: true})
	Eventually(earliest.Log).Should(ContainSubstring("This replica leads"))
	first = startReplica(ctx, replica.Options{LeaderElect: true})
	one = watched(first.Gateway())
	// They start beside each other.
	var others [3]*replica.Replica
	for i, o := range []replica.Options{
		{LeaderElect: true},
		{LeaderElect: true, Args: []string{"--freshness-budget=0", "--gateway-rate=20", "--gateway-max-waiting=3", "--gateway-trusted-proxies=127.0.0.1/32"}},
		{LeaderElect: true, TLS: "self-signed"},
	} {
		others[i], err = op.Launch(o)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(end, others[i])
	}
	second, strict, secure = others[0], others[1], others[2]
	for _, r := range others {
		Expect(r.WaitReady(ctx)).To(Succeed())
	}
	two, three, safe = watched(second.Gateway()), watched(strict.Gateway()), watched(secure.Gateway())
	startShadows()
}, NodeTimeout(12*time.Minute))

// startReplica starts a replica that ends with the spec, or the suite, that starts it: in order and without an error, if it has not ended before.
func startReplica(ctx context.Context, o replica.Options) *replica.Replica {
	GinkgoHelper()
	r, err := op.Start(ctx, o)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(end, r)
	return r
}

// end ends a replica in order, and without an error, if it has not ended before.
func end(r *replica.Replica) {
	GinkgoHelper()
	select {
	case <-r.Ended():
	default:
		Expect(r.Stop()).To(Succeed())
	}
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

// be matches an answer by the beginning of what it says: "201", "409 SeatsExhausted", "404 PoolNotFound: Namespace ...".
func be(said string) types.GomegaMatcher {
	return WithTransform(func(a fmt.Stringer) string { return a.String() }, HavePrefix(said))
}

// user is a login with a name and no other facts.
func user(name string) gatewayapi.Login { return gatewayapi.Login{UserName: name} }

// now is a login without an Idempotency-Key that does not wait.
var now = replica.SignOnOptions{}

// signOn signs a user on to the pool p through a replica.
func (p *place) signOn(ctx context.Context, g *replica.Gateway, login gatewayapi.Login, o replica.SignOnOptions) (*replica.Answer[gatewayapi.SignedOn], error) {
	return g.SignOn(ctx, p.token, p.ns, "p", login, o)
}

// signedOn signs a user on to the pool p, which must have a seat.
func (p *place) signedOn(ctx context.Context, g *replica.Gateway, login gatewayapi.Login) *gatewayapi.SignedOn {
	GinkgoHelper()
	a, err := p.signOn(ctx, g, login, now)
	Expect(err).NotTo(HaveOccurred())
	Expect(a).To(be("201"))
	return a.OK
}

// record reads a session from the API server.
func (p *place) record(ctx context.Context, name string) *licensing.UserSession {
	GinkgoHelper()
	s := &licensing.UserSession{}
	Expect(api.Get(ctx, client.ObjectKey{Namespace: p.ns, Name: name}, s)).To(Succeed())
	return s
}

// sessions lists the namespace's sessions.
func (p *place) sessions(ctx context.Context) []licensing.UserSession {
	GinkgoHelper()
	list := &licensing.UserSessionList{}
	Expect(api.List(ctx, list, client.InNamespace(p.ns))).To(Succeed())
	return list.Items
}

// live lists those that are on.
func (p *place) live(ctx context.Context) []licensing.UserSession {
	GinkgoHelper()
	return slices.DeleteFunc(p.sessions(ctx), func(s licensing.UserSession) bool { return s.Status.State != licensing.SessionActive })
}

// only waits for the one session that is on.
func (p *place) only(ctx context.Context) *licensing.UserSession {
	GinkgoHelper()
	var live []licensing.UserSession
	Eventually(func() []licensing.UserSession {
		live = p.live(ctx)
		return live
	}).WithContext(ctx).Should(HaveLen(1))
	return &live[0]
}

// pool reads the pool p.
func (p *place) pool(ctx context.Context) *licensing.LicensePool {
	GinkgoHelper()
	pool := &licensing.LicensePool{}
	Expect(api.Get(ctx, client.ObjectKey{Namespace: p.ns, Name: "p"}, pool)).To(Succeed())
	return pool
}

// seated waits until so many concurrent seats of the pool p are taken.
func (p *place) seated(ctx context.Context, used int32) {
	GinkgoHelper()
	Eventually(func() *int32 {
		if c := p.pool(ctx).Status.Concurrent; c != nil {
			return c.Used
		}
		return nil
	}).WithContext(ctx).Should(HaveValue(Equal(used)))
}

// seen waits until a replica's own view shows so many concurrent seats of the pool p as taken.
func (p *place) seen(ctx context.Context, g *replica.Gateway, used int32) {
	GinkgoHelper()
	Eventually(func(gm Gomega) {
		a, err := g.Pool(ctx, p.token, p.ns, "p")
		gm.Expect(err).NotTo(HaveOccurred())
		gm.Expect(a).To(be("200"))
		gm.Expect(a.OK.Concurrent).NotTo(BeNil())
		gm.Expect(a.OK.Concurrent.Used).To(Equal(used))
	}).WithContext(ctx).WithPolling(250 * time.Millisecond).Should(Succeed())
}

// jsonBody says that a body is JSON.
var jsonBody = http.Header{"Content-Type": {"application/json"}}

func inNamespace(ns string) client.InNamespace { return client.InNamespace(ns) }

// bulkOf reads the answers of a bulk heartbeat.
func bulkOf(body []byte) []gatewayapi.BulkAnswer {
	GinkgoHelper()
	var answers gatewayapi.BulkAnswers
	Expect(json.Unmarshal(body, &answers)).To(Succeed())
	return answers.Heartbeats
}
