// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package resilience_test

import (
	. "github.com/onsi/ginkgo/v2"
)

// All scenarios go on at the same time, since most of them wait for periods that the schema does not let be shorter.
var _ = Describe("Replicas", func() {
	It("keep those who work signed on, and sell no seat twice, whatever breaks", func(ctx SpecContext) {
		together(ctx,
			alternatingClients,
			crashOfAFollower,
			crashOfTheLeader,
			handOver,
			rollingRestart,
			followerCutOffForAWhile,
			leaderCutOff,
			leaderPaused,
			apiServerPaused,
			apiServerStopped,
		)
	}, SpecTimeout(suiteTimeout))
})
