// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// apiServerPaused stops the API server where it is: what is under way hangs.
func apiServerPaused(ctx context.Context) {
	outage(ctx, "paused (SIGSTOP)", (*world).pauseAPIServer, (*world).resumeAPIServer)
}

// apiServerStopped ends the API server and starts it again: connections break and are refused.
func apiServerStopped(ctx context.Context) {
	outage(ctx, "stopped", (*world).stopAPIServer, (*world).startAPIServer)
}

func (w *world) pauseAPIServer(context.Context) error     { return w.Cluster.PauseAPIServer() }
func (w *world) resumeAPIServer(context.Context) error    { return w.Cluster.ResumeAPIServer() }
func (w *world) stopAPIServer(context.Context) error      { return w.Cluster.StopAPIServer() }
func (w *world) startAPIServer(ctx context.Context) error { return w.Cluster.RestartAPIServer(ctx) }

// outage takes the API server away for a minute, over the deadlines of all sessions, from a control plane of its own.
func outage(ctx context.Context, how string, takeAway, giveBack func(*world, context.Context) error) {
	w := func() *world {
		starting <- struct{}{}
		defer func() { <-starting }()
		return newWorld(ctx)
	}()
	defer w.close()
	s := newSite(ctx, w, false, seatPool("p", 20).LostAfter(40*time.Second))
	defer s.close(ctx)
	c := s.dial(s.front.URL())
	users := s.signOnAll(ctx, c, "p", "user", 8)
	signedOn := users[0].lastActive()
	idler := s.signOn(ctx, c, "p", "idler", true)
	idler.rests()
	// Who does something during the outage, and nothing more.
	paused := s.signOn(ctx, c, "p", "paused", false)
	var beats []*plain
	for i := range s.replicas {
		beats = append(beats, s.signOnPlain(ctx, "p", "plain-"+strconv.Itoa(i), 2*time.Second, sameGateway(s.replica(i).URL), always))
	}

	sleepUntil(ctx, signedOn.Add(12*time.Second)) // before anything is due to be written
	Expect(takeAway(w, ctx)).To(Succeed())
	gone := time.Now()
	restored := sync.OnceValue(func() error { return giveBack(w, ctx) })
	defer func() { Expect(restored()).To(Succeed()) }()
	users[0].SetApplications("Ledger")
	for _, after := range []time.Duration{time.Second, 35 * time.Second} {
		sleepUntil(ctx, gone.Add(after))
		for i := range s.replicas {
			s.refused(ctx, i, "refused-"+strconv.Itoa(i)+"-"+after.String())
		}
		if after == time.Second {
			paused.rests()
		}
	}
	sleepUntil(ctx, gone.Add(time.Minute))
	Expect(restored()).To(Succeed())
	back := time.Now()
	measured("the API server was %s for %s", how, seconds(back.Sub(gone)))

	newcomer := s.signOn(ctx, c, "p", "newcomer", false)
	newcomer.work()
	took := time.Since(back)
	measured("the API server was %s: a login was granted %s after it was back", how, seconds(took))
	Expect(took).To(BeNumerically("<", soonGrants))

	for _, u := range users {
		Eventually(func() time.Time { return s.history.record(s.ns, u.Name()).Status.LastActivityTime.Time }).WithContext(ctx).
			Should(BeTemporally(">", signedOn.Add(idle)), "what %s told is written", u.name)
	}
	Eventually(func() []string { return s.history.record(s.ns, users[0].Name()).Status.Applications }).WithContext(ctx).Should(Equal([]string{"Ledger"}))
	for _, u := range []*user{idler, paused} { // what the second told while the API server was away counts
		measured("the API server was %s: the idle session of %s ended %s after its user was last active", how, u.name, seconds(u.ends(ctx).Sub(u.lastActive())))
	}
	healthy(ctx, append(users, newcomer)...)
	for _, b := range beats {
		b.stop()
	}
	s.settled(ctx, "p", 11)
	list := &licensing.UserSessionList{}
	Expect(s.API.List(ctx, list, ctrlclient.InNamespace(s.ns))).To(Succeed())
	for _, session := range list.Items {
		if strings.HasPrefix(session.Spec.UserName, "refused") {
			Expect(session.Status.State).To(BeElementOf(licensing.SessionTerminated, licensing.SessionDenied), "%s, whose caller was told that it could not be signed on", session.Name)
		}
	}
}

// refused tries to sign a user on while the API server is away.
func (s *site) refused(ctx context.Context, i int, name string) {
	GinkgoHelper()
	a, err := s.replica(i).Gateway().SignOn(ctx, s.token, s.ns, "p", gatewayapi.Login{UserName: name}, replica.SignOnOptions{})
	Expect(err).NotTo(HaveOccurred())
	Expect(a.Status).To(Equal(http.StatusServiceUnavailable), "%s", a)
	Expect(strconv.Atoi(a.Header.Get("Retry-After"))).To(BeNumerically(">", 0))
}
