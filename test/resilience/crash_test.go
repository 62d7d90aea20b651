// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	"context"
	"time"

	. "github.com/onsi/gomega"
)

const (
	// margin is how long before the deadline on record a replica writes down fresher activity: two heartbeats and half a minute for a failover.
	margin = 2*beat + 30*time.Second
	// grace is how long a replica that fell silent delays the ends of its clients' sessions.
	grace = 30*time.Second + 3*beat
	// lostAfter is how long a client may be silent.
	lostAfter = 20 * time.Second
	// slack is for a busy machine.
	slack = 30 * time.Second
	// soonGrants is how long another replica takes to grant at the very most, on a machine with ten times the work that it can do. Measured on one that is not busy, it is about one lease of 15 s, less what
	// had run of it when the leader died.
	soonGrants = time.Minute
)

func crashOfAFollower(ctx context.Context) { crash(ctx, false) }
func crashOfTheLeader(ctx context.Context) { crash(ctx, true) }

// crash kills the replica that hears all clients, right before it would write down what they told.
func crash(ctx context.Context, killLeader bool) {
	s := newSite(ctx, shared, false, seatPool("p", 20).LostAfter(lostAfter))
	defer s.close(ctx)
	victim, who := s.leader(ctx, -1), "the leader"
	if !killLeader {
		victim, who = 1-victim, "a follower"
	}
	s.front.Prefer(victim)
	c := s.dial(s.front.URL())

	workers := s.signOnAll(ctx, c, "p", "worker", 7)
	signedOn := workers[0].lastActive()
	// They come back, but their users do nothing any more; the library says for how long.
	resting := s.signOn(ctx, c, "p", "resting", true)
	// This one only says that its user is active, in requests that each may go anywhere.
	busy := s.signOnPlain(ctx, "p", "plain", beat, sameGateway(s.front.URL()), always)
	// They never come back.
	gone := []*user{s.signOn(ctx, c, "p", "gone-0", true), s.signOn(ctx, c, "p", "gone-1", false)}
	victimName := s.replica(victim).Name()
	for _, u := range append(workers, resting) {
		Expect(s.history.record(s.ns, u.Name()).Status.HeardBy).To(Equal(victimName))
	}

	sleepUntil(ctx, signedOn.Add(10*time.Second))
	resting.rests() // and a heartbeat tells it
	sleepUntil(ctx, signedOn.Add(idle-margin-3*time.Second))
	for _, u := range append(workers, resting) {
		record := s.history.record(s.ns, u.Name())
		Expect(record.Status.LastActivityTime.Time).To(BeTemporally("<", signedOn.Add(5*time.Second)), "only the replica that dies knows of later activity")
	}
	for _, u := range gone {
		u.release()
		u.Close()
	}
	Expect(s.replica(victim).Kill()).To(Succeed())
	killed := time.Now()

	newcomer := s.signOn(ctx, c, "p", "newcomer", false)
	took := time.Since(killed)
	newcomer.work()
	measured("%s killed (SIGKILL): the other granted a login that was made at once after %s", who, seconds(took))
	if killLeader {
		measured("the leader killed (SIGKILL): the other led %s later", seconds(s.leadSince(ctx).Sub(killed)))
	}
	Expect(took).To(BeNumerically("<", soonGrants))

	for _, u := range gone {
		after := u.ends(ctx).Sub(killed)
		measured("%s killed: a client that never came back was ended %s later", who, seconds(after))
		Expect(after).To(BeNumerically("<", lostAfter+grace+slack))
	}
	measured("%s killed: an idle session ended %s after its user was last active", who, seconds(resting.ends(ctx).Sub(resting.lastActive())))
	sleepUntil(ctx, signedOn.Add(idle+25*time.Second))
	healthy(ctx, append(workers, newcomer)...)
	busy.stop()
	s.settled(ctx, "p", 9)
}
