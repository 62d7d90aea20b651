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

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// leaderPaused stops the leader where it is, for longer than its lead's Lease and until it counts as silent, while more users than there are seats come and go. When it wakes, it believes for
// a moment that it still leads.
func leaderPaused(ctx context.Context) {
	// More stay than there are other seats: rivals that give up while their answers hang leave seats taken until they count as lost, and if those were most, the brake would hold them.
	const seats, staying, rivals = 12, 7, 10
	s := newSite(ctx, shared, false, seatPool("p", seats).LostAfter(lostAfter), seatPool("q", seats))
	defer s.close(ctx)
	paused := s.leader(ctx, -1)
	other := 1 - paused
	users := s.signOnAll(ctx, s.dial(s.front.URL()), "p", "staying", staying)

	churning, stop := context.WithCancel(ctx)
	defer stop()
	var churn sync.WaitGroup
	var mu sync.Mutex
	granted := 0
	refused := map[int]error{} // by rival, when it last was
	for i := range rivals {
		c := s.dial(s.front.URL())
		if i%2 == 0 {
			c = s.dial(s.replica(other).URL) // they notice nothing of the pause, so that seats change hands all the time
		}
		churn.Go(func() {
			defer GinkgoRecover()
			for n := 0; churning.Err() == nil; n++ {
				err := s.comeAndGo(churning, c, fmt.Sprintf("rival-%d-%d", i, n))
				mu.Lock()
				if err == nil {
					granted++
				} else {
					refused[i] = err
				}
				mu.Unlock()
			}
		})
	}
	grants := func() int {
		mu.Lock()
		defer mu.Unlock()
		return granted
	}
	why := func() string {
		mu.Lock()
		defer mu.Unlock()
		sessions, connections, _ := s.history.active(s.pool("p"))
		text := fmt.Sprintf("%d sessions have %d seats:\n", len(sessions), connections)
		for _, session := range sessions {
			text += session.Spec.UserName + ": " + describe(session) + "\n"
		}
		return text + fmt.Sprintf("the rivals were refused for: %v", refused)
	}
	Eventually(grants).WithContext(ctx).Should(BeNumerically(">", rivals), why)

	Expect(s.replica(paused).Pause()).To(Succeed())
	wasPaused := time.Now()
	s.grants(ctx, other, "q", "newcomer")
	took := time.Since(wasPaused)
	Expect(s.leader(ctx, paused)).To(Equal(other))
	measured("the leader was paused (SIGSTOP): the other led after %s and granted within %s", seconds(s.leadSince(ctx).Sub(wasPaused)), seconds(took))
	Expect(took).To(BeNumerically("<", soonGrants))
	sleepUntil(ctx, wasPaused.Add(28*time.Second)) // it counts as silent after 25 s

	Expect(s.replica(paused).Resume()).To(Succeed())
	before := grants()
	Eventually(func() bool { return s.front.IsReady(paused) }).WithContext(ctx).Should(BeTrue())
	a, err := s.replica(paused).Gateway().Beat(ctx, users[0].Token(), &gatewayapi.HeartbeatReport{Active: true})
	Expect(err).NotTo(HaveOccurred())
	Expect(a.OK).NotTo(BeNil(), "it serves its gateway: %s", a)
	sleepUntil(ctx, time.Now().Add(12*time.Second))
	Expect(s.leader(ctx, -1)).To(Equal(other), "who took over leads on")
	Eventually(grants).WithContext(ctx).Should(BeNumerically(">", before), why)
	healthy(ctx, users...)

	// The other is killed, and who led before leads again, in the same process.
	Expect(s.replica(other).Kill()).To(Succeed())
	killed := time.Now()
	s.grants(ctx, paused, "q", "again")
	took = time.Since(killed)
	Expect(s.leader(ctx, other)).To(Equal(paused))
	before = grants()
	Eventually(grants).WithContext(ctx).Should(BeNumerically(">", before), why)
	measured("a woken replica led again and granted %s after the other was killed (SIGKILL)", seconds(took))
	Expect(took).To(BeNumerically("<", soonGrants))
	healthy(ctx, users...)

	stop()
	churn.Wait()
	s.settled(ctx, "p", staying)
	_, _, most := s.history.active(s.pool("p"))
	measured("two leaders for a moment: %d grants in %d seats, at most %d at a time", grants()+staying, seats, most)
	Expect(most).To(Equal(seats), "the seats must have been fought for")
}

// comeAndGo signs a user on, for a second, if a seat gets free; an error says why not.
func (s *site) comeAndGo(ctx context.Context, c *client.Client, name string) error {
	trying, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	session, err := c.SignOn(trying, s.ns, "p", client.Login{UserName: name}, client.SessionOptions{Wait: 5 * time.Second, WithoutEvents: true})
	if err != nil {
		return err
	}
	s.history.keep(session.UID(), name, time.Time{})
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
	s.history.release(session.UID())
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_ = session.SignOut(leaving) // if nobody hears it, the session is lost a little later
	return nil
}
