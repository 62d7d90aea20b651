// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/gomega"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// followerCutOffForAWhile cuts a follower off from the API server alone before it could write down what its clients told, until after their deadlines on record. Its clients know no other
// gateway. It comes back within the grace that the leader gives it: nobody ends.
func followerCutOffForAWhile(ctx context.Context) {
	s := newSite(ctx, shared, true, seatPool("p", 20).HeartbeatInterval(2*beat)) // with which the grace is a minute
	defer s.close(ctx)
	cut := 1 - s.leader(ctx, -1)
	c := s.dial(s.replica(cut).URL)
	s.renewed(ctx, cut) // so that it does so again ten seconds after they signed on
	users := s.signOnAll(ctx, c, "p", "follower", 6)
	plain := s.signOnPlain(ctx, "p", "plain", beat, sameGateway(s.replica(cut).URL), always)
	signedOn := users[0].lastActive()
	s.renewed(ctx, cut)
	s.proxies[cut].Cut()
	wasCut := time.Now()
	Expect(wasCut).To(BeTemporally("<", signedOn.Add(idle/4)), "the follower would have written what its clients told by then")

	sleepUntil(ctx, signedOn.Add(idle+3*time.Second))
	s.proxies[cut].Restore()
	measured("a follower was cut off from the API server for %s, over its clients' deadlines", seconds(time.Since(wasCut)))
	for _, u := range users {
		Eventually(func() time.Time { return s.history.record(s.ns, u.Name()).Status.LastActivityTime.Time }).WithContext(ctx).
			Should(BeTemporally(">", signedOn.Add(idle)), "what %s told must be written when the replica is back", u.name)
	}
	sleepUntil(ctx, signedOn.Add(idle+30*time.Second))
	healthy(ctx, users...)
	plain.stop()
	s.settled(ctx, "p", 7)
}

// leaderCutOff cuts the leader off from the API server alone, for longer than the grace. It goes on to serve its gateway, sends its clients to the other, and can lead again when it is back.
func leaderCutOff(ctx context.Context) {
	s := newSite(ctx, shared, true, seatPool("p", 20))
	defer s.close(ctx)
	cut := s.leader(ctx, -1)
	other := 1 - cut
	s.front.Prefer(cut)
	c := s.dial(s.front.URL())
	users := s.signOnAll(ctx, c, "p", "leader", 6)
	plain := s.signOnPlain(ctx, "p", "plain", beat, sameGateway(s.front.URL()), always)
	signedOn := users[0].lastActive()

	sleepUntil(ctx, signedOn.Add(8*time.Second))
	s.proxies[cut].Silence()
	wasCut := time.Now()
	s.leader(ctx, cut)
	s.grants(ctx, other, "p", "newcomer")
	took := time.Since(wasCut)
	measured("the leader was cut off: the other granted within %s", seconds(took))
	Expect(took).To(BeNumerically("<", soonGrants))

	Eventually(func(g Gomega) {
		beat, err := gatewayapi.NewSendHeartbeatRequest(s.replica(cut).URL, gatewayapi.HeartbeatReport{Active: true})
		g.Expect(err).NotTo(HaveOccurred())
		beat.Header.Set("Authorization", "Bearer "+plain.on.Token)
		answer, err := http.DefaultClient.Do(beat.WithContext(ctx))
		g.Expect(err).NotTo(HaveOccurred())
		defer answer.Body.Close()
		g.Expect(answer.StatusCode).To(Equal(http.StatusOK), "it still hears clients")
		g.Expect(answer.Close).To(BeTrue(), "and sends them elsewhere")
	}).WithContext(ctx).Should(Succeed())
	Expect(s.replica(cut).Ready(ctx)).To(MatchError(ContainSubstring("apiserver")), "a replica that is cut off is not ready")
	measured("the leader was cut off: it sends its clients away after %s", seconds(time.Since(wasCut)))

	// Past the grace, which begins with the last renewal of its Lease, the clients are on record as heard by the other.
	sleepUntil(ctx, wasCut.Add(grace+5*time.Second))
	heardBy := s.replica(other).Name()
	for _, u := range users {
		Eventually(func() string { return s.history.record(s.ns, u.Name()).Status.HeardBy }).WithContext(ctx).Should(Equal(heardBy))
	}
	Eventually(func() (float64, error) { return s.replica(cut).Metric(ctx, "seatkeeper_gateway_streams") }).WithContext(ctx).Should(BeZero(), "it ends the streams, on which it could tell of no end")
	sleepUntil(ctx, signedOn.Add(idle+15*time.Second))
	healthy(ctx, users...)
	s.proxies[cut].Restore()
	Eventually(func() bool { return s.front.IsReady(cut) }).WithContext(ctx).Should(BeTrue())

	// The other goes: who led before leads again, in the same process.
	Expect(s.replica(other).Stop()).To(Succeed())
	stopped := time.Now()
	Expect(s.leader(ctx, other)).To(Equal(cut))
	s.grants(ctx, cut, "p", "again")
	measured("a replica that had lost the lead granted again, %s after the other had stopped", seconds(time.Since(stopped)))
	healthy(ctx, users...)
	plain.stop()
	s.settled(ctx, "p", 7)
}
