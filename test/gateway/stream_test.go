// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// stream is an event stream that a spec reads.
type stream struct{ *replica.Events }

// follow follows a session until the spec ends.
func follow(ctx context.Context, g *replica.Gateway, token string) stream {
	GinkgoHelper()
	events, err := g.Events(ctx, token)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Close)
	return stream{events}
}

// terminated waits for the end, which the stream tells once, and after which it closes.
func (s stream) terminated() gatewayapi.TerminatedEvent {
	GinkgoHelper()
	t, err := lastEvent(Default, s.Events)
	Expect(err).NotTo(HaveOccurred())
	return t
}

// lastEvent waits for the terminated event and the end of the stream.
func lastEvent(g Gomega, events *replica.Events) (gatewayapi.TerminatedEvent, error) {
	var e replica.Event
	g.Eventually(events.C).WithTimeout(time.Minute).Should(Receive(&e, HaveField("Name", gatewayapi.EventTerminated)))
	g.Expect(fits(document.Components.Schemas["TerminatedEvent"], []byte(e.Data))).To(Succeed())
	g.Eventually(events.C).WithTimeout(time.Minute).Should(BeClosed())
	return e.Terminated()
}
