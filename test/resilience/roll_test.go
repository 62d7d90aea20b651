// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/sets"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/client"
)

// rollingRestart replaces both replicas, one after the other, as a rolling update does: the leader first. 500 clients stay on, and more sign on meanwhile.
func rollingRestart(ctx context.Context) {
	const clients, latecomers = 500, 20
	s := newSite(ctx, shared, false, seatPool("p", clients+2*latecomers).HeartbeatInterval(2*beat).LostAfter(30*time.Second))
	defer s.close(ctx)
	c := s.dial(s.front.URL())
	began := time.Now()
	s.signOnAll(ctx, c, "p", "user", clients)
	measured("%d clients signed on in %s", clients, seconds(time.Since(began)))
	sleepUntil(ctx, began.Add(20*time.Second))

	first := s.leader(ctx, -1)
	for turn, i := range []int{first, 1 - first} {
		old, who := s.replica(i), "a follower"
		if s.leader(ctx, -1) == i {
			who = "the leader"
		}
		Expect(old.Terminate()).To(Succeed())
		stopped := time.Now()
		var late sync.WaitGroup
		var granted sync.Once
		for n := range latecomers {
			late.Go(func() {
				defer GinkgoRecover()
				u, err := s.trySignOn(ctx, c, "p", fmt.Sprintf("late-%d-%d", turn, n), client.SessionOptions{WithoutEvents: true})
				Expect(err).NotTo(HaveOccurred())
				granted.Do(func() {
					measured("%s stopped in order (SIGTERM): the first of %d logins that were made at once was granted %s later", who, latecomers, seconds(time.Since(stopped)))
				})
				u.work()
			})
		}
		Expect(old.WaitEnd()).To(Succeed())
		measured("%s stopped in order (SIGTERM) within %s", who, seconds(time.Since(stopped)))
		Expect(s.replace(i).WaitReady(ctx)).To(Succeed())
		late.Wait()
		// A rolling update waits as long as this before it takes the next.
		sleepUntil(ctx, time.Now().Add(2*time.Second))
	}
	sleepUntil(ctx, time.Now().Add(15*time.Second))
	users := s.users
	healthy(ctx, users...)
	measured("rolling restart: %d heartbeats failed and were healed by the client's retries", failures(users...))

	s.settled(ctx, "p", clients+2*latecomers)
	list := &licensing.UserSessionList{}
	Expect(s.API.List(ctx, list, ctrlclient.InNamespace(s.ns))).To(Succeed())
	names := sets.New[string]()
	for _, session := range list.Items {
		Expect(session.Status.State).To(Equal(licensing.SessionActive), "%s of %s", session.Name, session.Spec.UserName)
		Expect(names.Has(session.Spec.UserName)).To(BeFalse(), "a second session of %s", session.Spec.UserName)
		names.Insert(session.Spec.UserName)
	}
	_, _, most := s.history.active(s.pool("p"))
	Expect(most).To(Equal(clients + 2*latecomers))
}
