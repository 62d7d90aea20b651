// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package operator_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	toolswatch "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// create makes objects in a namespace.
func create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, obj := range objects {
		Expect(api.Create(ctx, obj)).To(Succeed())
	}
}

// login creates a session of a user in the pool p.
func login(ctx context.Context, ns, name, user string, more ...func(*UserSessionBuilder)) *licensing.UserSession {
	GinkgoHelper()
	b := MakeUserSession(name).Namespace(ns).Pool("p").User(user)
	for _, m := range more {
		m(b)
	}
	s := b.Obj()
	create(ctx, s)
	return s
}

func module(name licensing.ModuleName) func(*UserSessionBuilder) {
	return func(b *UserSessionBuilder) { b.Module(name) }
}

func host(name string) func(*UserSessionBuilder) {
	return func(b *UserSessionBuilder) { b.ClientHost(name) }
}

func maxWait(d time.Duration) func(*UserSessionBuilder) {
	return func(b *UserSessionBuilder) { b.MaxWait(d) }
}

// logout deletes a session.
func logout(ctx context.Context, s *licensing.UserSession) {
	GinkgoHelper()
	Expect(api.Delete(ctx, s)).To(Succeed())
}

// session waits for a session to be as it should.
func session(ctx context.Context, s *licensing.UserSession, should types.GomegaMatcher) {
	GinkgoHelper()
	Eventually(func() (*licensing.UserSession, error) { return s, api.Get(ctx, client.ObjectKeyFromObject(s), s) }).
		WithContext(ctx).Should(should)
}

// beGranted, beDenied and bePending match a session in that state for that reason.
func beGranted(reason string) types.GomegaMatcher { return stand(licensing.SessionActive, reason) }
func beDenied(reason string) types.GomegaMatcher  { return stand(licensing.SessionDenied, reason) }
func bePending(reason string) types.GomegaMatcher { return stand(licensing.SessionPending, reason) }

func stand(state licensing.SessionState, reason string) types.GomegaMatcher {
	return WithTransform(func(s *licensing.UserSession) string {
		got := ""
		if c := meta.FindStatusCondition(s.Status.Conditions, licensing.ConditionGranted); c != nil {
			got = c.Reason
		}
		return fmt.Sprintf("%s %s", s.Status.State, got)
	}, Equal(fmt.Sprintf("%s %s", state, reason)))
}

// row is the A4 table's row of one model, short enough for a table in a test: licensed, used, available, accounts, connected.
type row [5]int32

func rowOf(c *licensing.SeatCounts) *row {
	if c == nil {
		return nil
	}
	return &row{*c.Licensed, *c.Used, *c.Available, *c.Accounts, *c.Connected}
}

// table waits for the pool p to show these rows; nil for a model that it lacks.
func table(ctx context.Context, ns string, named, concurrent *row) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		p := pool(ctx, ns)
		g.Expect([]*row{rowOf(p.Status.Named), rowOf(p.Status.Concurrent)}).To(HaveExactElements(named, concurrent))
	}).WithContext(ctx).Should(Succeed())
}

// pool reads the pool p.
func pool(ctx context.Context, ns string) *licensing.LicensePool {
	GinkgoHelper()
	p := &licensing.LicensePool{}
	Expect(api.Get(ctx, client.ObjectKey{Namespace: ns, Name: "p"}, p)).To(Succeed())
	return p
}

// seatsReason is the reason of the pool's SeatsAvailable condition.
func seatsReason(ctx context.Context, ns string) string {
	GinkgoHelper()
	c := meta.FindStatusCondition(pool(ctx, ns).Status.Conditions, licensing.ConditionSeatsAvailable)
	if c == nil {
		return ""
	}
	return c.Reason
}

// accounts lists a namespace's accounts.
func accounts(ctx context.Context, ns string) []licensing.LicenseAccount {
	GinkgoHelper()
	list := &licensing.LicenseAccountList{}
	Expect(api.List(ctx, list, client.InNamespace(ns))).To(Succeed())
	return list.Items
}

// states counts a namespace's sessions by state.
func states(ctx context.Context, ns string) map[licensing.SessionState]int {
	GinkgoHelper()
	list := &licensing.UserSessionList{}
	Expect(api.List(ctx, list, client.InNamespace(ns))).To(Succeed())
	counts := map[licensing.SessionState]int{}
	for _, s := range list.Items {
		counts[s.Status.State]++
	}
	return counts
}

// history is what the API server told of a namespace's sessions and pools, revision by revision.
type history struct {
	// mostConnections is the most concurrent connections that were Active at any revision.
	mostConnections int
	// poolWrites is how often a pool was written.
	poolWrites int
}

// record follows a namespace from its beginning. The function it returns ends that, once all is seen up to then.
func record(ctx context.Context, ns string) func() history {
	GinkgoHelper()
	sessions, pools := follow(ctx, ns, &licensing.UserSessionList{}), follow(ctx, ns, &licensing.LicensePoolList{})
	end := "end-of-history-" + rand8()
	h := history{}
	done := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(done)
		members := map[string]map[string]bool{} // by connection
		ended := false
		for e := range sessions.ResultChan() {
			s, ok := e.Object.(*licensing.UserSession)
			Expect(ok).To(BeTrue(), "the watch broke: %v", e.Object)
			if ended = s.Name == end; ended {
				break
			}
			id := s.Status.Connection
			if s.Status.State == licensing.SessionActive && e.Type != watch.Deleted && s.Status.Seat == licensing.SeatConcurrent {
				if members[id] == nil {
					members[id] = map[string]bool{}
				}
				members[id][s.Name] = true
			} else if delete(members[id], s.Name); len(members[id]) == 0 {
				delete(members, id)
			}
			h.mostConnections = max(h.mostConnections, len(members))
		}
		Expect(ended).To(BeTrue(), "the watch ended early")
		for e := range pools.ResultChan() {
			p, ok := e.Object.(*licensing.LicensePool)
			Expect(ok).To(BeTrue(), "the watch broke: %v", e.Object)
			if p.Name == end {
				break
			}
			h.poolWrites++
		}
	}()
	return func() history {
		GinkgoHelper()
		create(ctx, MakeUserSession(end).Namespace(ns).Pool("none").User("x").Obj(),
			MakeLicensePool(end).Namespace(ns).Concurrent(1).Obj())
		Eventually(done, "30s").Should(BeClosed())
		sessions.Stop()
		pools.Stop()
		return h
	}
}

// follow watches a kind from now on, without a gap also when the API server ends the watch, as it does when a definition is written.
func follow(ctx context.Context, ns string, list client.ObjectList) watch.Interface {
	GinkgoHelper()
	Expect(api.List(ctx, list, client.InNamespace(ns))).To(Succeed())
	watcher, err := toolswatch.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), resumable{ns, list})
	Expect(err).NotTo(HaveOccurred())
	return watcher
}

// resumable watches a kind from any revision.
type resumable struct {
	namespace string
	list      client.ObjectList
}

func (r resumable) WatchWithContext(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
	return api.Watch(ctx, r.list.DeepCopyObject().(client.ObjectList), client.InNamespace(r.namespace), &client.ListOptions{Raw: &o})
}
