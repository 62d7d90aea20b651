// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

const (
	// idle is the shortest idle timeout that there is, beat the shortest heartbeat interval.
	idle = 60 * time.Second
	beat = 5 * time.Second
	// leaderLease is the Lease of the leader election.
	leaderLease = "seatkeeper.licensing.seatkeeper.dev"
)

// seatPool is a pool of concurrent seats in which a session idles out as soon as the schema lets it.
func seatPool(name string, seats int32) *LicensePoolBuilder {
	return MakeLicensePool(name).Concurrent(seats).IdleTimeout(idle).HeartbeatInterval(beat)
}

// site is two replicas that serve one namespace, and keep their Leases and keys in it, by the permissions that ship: what happens to them touches no other site.
type site struct {
	*world
	ns    string
	token string // the application server's
	// front is the balancer before both gateways.
	front *replica.Balancer
	// proxies are between each replica and the API server; nil: they reach it directly.
	proxies [2]*controlplane.Proxy

	mu       sync.Mutex
	replicas [2]*replica.Replica
	users    []*user
}

// newSite starts the replicas in a namespace with these pools.
func newSite(ctx context.Context, w *world, proxied bool, pools ...*LicensePoolBuilder) *site {
	GinkgoHelper()
	starting <- struct{}{}
	defer func() { <-starting }()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "site-"}}
	Expect(w.API.Create(ctx, ns)).To(Succeed())
	s := &site{world: w, ns: ns.Name}
	s.permit(ctx)
	for _, p := range pools {
		Expect(w.API.Create(ctx, p.Namespace(s.ns).Obj())).To(Succeed())
	}
	var err error
	s.token, err = w.AppServer(ctx, s.ns, "portal")
	Expect(err).NotTo(HaveOccurred())
	for i := range s.replicas {
		o := s.options()
		if proxied {
			s.proxies[i], err = w.Cluster.Proxy()
			Expect(err).NotTo(HaveOccurred())
			o.Kubeconfig = w.dir + "/" + s.ns + "-" + []string{"one", "two"}[i] + ".kubeconfig"
			Expect(w.KubeconfigVia(o.Kubeconfig, s.proxies[i].URL())).To(Succeed())
		}
		s.replicas[i], err = w.Launch(o)
		Expect(err).NotTo(HaveOccurred())
	}
	for _, r := range s.replicas {
		Expect(r.WaitReady(ctx)).To(Succeed())
	}
	s.front, err = replica.NewBalancer(ctx, s.replicas[:]...)
	Expect(err).NotTo(HaveOccurred())
	Eventually(func() bool { return s.front.IsReady(0) && s.front.IsReady(1) }).WithContext(ctx).Should(BeTrue())
	s.leader(ctx, -1)
	return s
}

func (s *site) options() replica.Options {
	return replica.Options{LeaderElect: true, Args: []string{"--namespaces", s.ns, "--leader-elect-namespace", s.ns}}
}

// permit gives the operator in the site's namespace what it has in its own by the shipped roles.
func (s *site) permit(ctx context.Context) {
	GinkgoHelper()
	shipped := &rbacv1.RoleList{}
	Expect(s.API.List(ctx, shipped, ctrlclient.InNamespace(replica.Namespace))).To(Succeed())
	Expect(shipped.Items).NotTo(BeEmpty())
	for _, role := range shipped.Items {
		Expect(s.API.Create(ctx, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: role.Name}, Rules: role.Rules})).To(Succeed())
		Expect(s.API.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: role.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: replica.Namespace, Name: replica.ServiceAccount}},
		})).To(Succeed())
	}
}

// replica is the one that serves in that place now.
func (s *site) replica(i int) *replica.Replica {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replicas[i]
}

// replace starts a replica in the place of one that has ended, at the same address, and does not wait for it.
func (s *site) replace(i int) *replica.Replica {
	GinkgoHelper()
	o := s.options()
	o.Address = s.replica(i).Address
	r, err := s.Launch(o)
	Expect(err).NotTo(HaveOccurred())
	s.mu.Lock()
	s.replicas[i] = r
	s.mu.Unlock()
	s.front.Replace(i, r)
	return r
}

// leadSince is when the one that leads now got the lead.
func (s *site) leadSince(ctx context.Context) time.Time {
	GinkgoHelper()
	lease := &coordinationv1.Lease{}
	Expect(s.API.Get(ctx, types.NamespacedName{Namespace: s.ns, Name: leaderLease}, lease)).To(Succeed())
	Expect(lease.Spec.AcquireTime).NotTo(BeNil())
	return lease.Spec.AcquireTime.Time
}

// leader waits until a replica leads, another than the one in this place (-1: any), and says which.
func (s *site) leader(ctx context.Context, other int) int {
	GinkgoHelper()
	found := -1
	Eventually(func(g Gomega) {
		lease := &coordinationv1.Lease{}
		g.Expect(s.API.Get(ctx, types.NamespacedName{Namespace: s.ns, Name: leaderLease}, lease)).To(Succeed())
		g.Expect(lease.Spec.HolderIdentity).NotTo(BeNil())
		for i := range s.replicas {
			if s.replica(i).Name() == *lease.Spec.HolderIdentity {
				found = i
			}
		}
		g.Expect(found).To(BeNumerically(">=", 0))
		g.Expect(found).NotTo(Equal(other))
	}).WithContext(ctx).Should(Succeed())
	return found
}

// renewed waits until a replica has just renewed its own Lease.
func (s *site) renewed(ctx context.Context, i int) {
	GinkgoHelper()
	lease, before := &coordinationv1.Lease{}, ""
	key := types.NamespacedName{Namespace: s.ns, Name: s.replica(i).Name()}
	Eventually(func(g Gomega) {
		g.Expect(s.API.Get(ctx, key, lease)).To(Succeed())
		if before == "" {
			before = lease.ResourceVersion
		}
		g.Expect(lease.ResourceVersion).NotTo(Equal(before))
	}).WithContext(ctx).Should(Succeed())
}

// pool is a pool's name.
func (s *site) pool(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: s.ns, Name: name}
}

// settled waits until a pool has so many connections, and its counts equal what its sessions say.
func (s *site) settled(ctx context.Context, pool string, connections int) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		p := &licensing.LicensePool{}
		g.Expect(s.API.Get(ctx, s.pool(pool), p)).To(Succeed())
		list := &licensing.UserSessionList{}
		g.Expect(s.API.List(ctx, list, ctrlclient.InNamespace(s.ns))).To(Succeed())
		made := map[string]bool{}
		for _, session := range list.Items {
			if session.Spec.PoolRef.Name == pool && session.Status.State == licensing.SessionActive {
				made[session.Status.Connection] = true
			}
		}
		g.Expect(made).To(HaveLen(connections))
		g.Expect(p.Status.Concurrent).NotTo(BeNil())
		g.Expect(*p.Status.Concurrent.Connected).To(BeEquivalentTo(connections), "connected")
		g.Expect(*p.Status.Concurrent.Used).To(BeEquivalentTo(connections), "used")
	}).WithContext(ctx).Should(Succeed())
}

// close ends what the site runs, and fails if its history shows what must never be. Replicas that still run must stop in order.
func (s *site) close(ctx context.Context) {
	GinkgoHelper()
	faults := s.judge(ctx)
	for _, u := range s.users {
		u.release()
		u.Close()
	}
	s.front.Close()
	var errs []error
	for i := range s.replicas {
		r := s.replica(i)
		if s.proxies[i] != nil {
			s.proxies[i].Restore()
			defer s.proxies[i].Close()
		}
		select {
		case <-r.Ended(): // its end was part of the scenario
			continue
		default:
		}
		errs = append(errs, r.Resume(), r.Terminate())
		defer func() { Expect(r.WaitEnd()).To(Succeed()) }()
	}
	Expect(errors.Join(errs...)).NotTo(HaveOccurred())
	if len(faults) > 0 {
		for i := range s.replicas {
			AddReportEntry("log of "+s.replica(i).Name(), lastLines(s.replica(i).Log(), 60))
		}
	}
	Expect(faults).To(BeEmpty())
}

// judge reads the history up to now and returns what it shows that must never be.
func (s *site) judge(ctx context.Context) []string {
	GinkgoHelper()
	end := MakeLicensePool("the-end").Namespace(s.ns).Concurrent(1).Obj()
	Expect(s.API.Create(ctx, end)).To(Succeed())
	Eventually(func() (bool, error) { return s.history.seen(end.ResourceVersion) }).WithContext(ctx).Should(BeTrue())
	return s.history.faultsIn(s.ns)
}

// lastLines is the end of a log, without what is said of each probe.
func lastLines(text string, n int) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(line string) bool { return strings.Contains(line, "healthz check failed") })
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
