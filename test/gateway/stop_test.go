// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

var _ = Describe("A replica that is told to stop", func() {
	It("answers the calls under way, sends those who wait and follow elsewhere, and writes down what it heard last", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).IdleTimeout(time.Hour).HeartbeatInterval(5*time.Second).Obj())
		r := startReplica(ctx, replica.Options{LeaderElect: true})
		g := watched(r.Gateway())
		s := p.signedOn(ctx, g, user("ann"))
		events := follow(ctx, g, s.Token)
		outcomes := make(chan outcome, 1)
		login := replica.SignOnOptions{Wait: time.Minute, Key: "k"}
		p.waits(ctx, g, "bob", login, outcomes)
		body := `{"active":true,"applications":["Last"]}`
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Address)
		Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		_, err = fmt.Fprintf(conn, "POST /v1/session/heartbeat HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
			s.Token, len(body))
		Expect(err).NotTo(HaveOccurred())
		answers := bufio.NewReader(conn)
		Expect(answers.ReadString('\n')).To(Equal("HTTP/1.1 100 Continue\r\n"), "the gateway has begun to read the body")
		Expect(answers.ReadString('\n')).To(Equal("\r\n"))

		Expect(r.Terminate()).To(Succeed())
		var o outcome
		Eventually(outcomes).Should(Receive(&o))
		Expect(o.String()).To(Equal("bob 503 Unavailable: This replica is stopping; another will answer."))
		Expect(o.Header.Get("Retry-After")).To(Equal("1"))
		Eventually(events.C).Should(BeClosed(), "the stream ends, without an end of the session")
		_, err = io.WriteString(conn, body)
		Expect(err).NotTo(HaveOccurred())
		answer, err := http.ReadResponse(answers, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Body.Close()).To(Succeed())
		Expect(answer.StatusCode).To(Equal(http.StatusOK))
		Expect(r.WaitEnd()).To(Succeed())

		record := p.record(ctx, s.Name)
		Expect(record.Status.State).To(Equal(licensing.SessionActive))
		Expect(record.Status.Applications).To(Equal([]string{"Last"}))
		Expect(p.pending(ctx)).To(BeEmpty())

		// Both go on elsewhere.
		p.waits(ctx, one, "bob", login, outcomes)
		Expect(two.Beat(ctx, s.Token, nil)).To(be("200"))
		Expect(two.SignOut(ctx, s.Token)).To(be("204"))
		Eventually(outcomes).Should(Receive(&o))
		Expect(o.String()).To(HavePrefix("bob 20"))
	})

	It("leaves no lease behind that others would wait for; one that crashes does", func(ctx SpecContext) {
		leases := func() int {
			list := &coordinationv1.LeaseList{}
			Expect(api.List(ctx, list, client.InNamespace(replica.Namespace), client.HasLabels{licensing.LabelReplica})).To(Succeed())
			return len(list.Items)
		}
		before := leases()
		r := startReplica(ctx, replica.Options{LeaderElect: true})
		Eventually(leases).Should(Equal(before + 1))
		Expect(r.Stop()).To(Succeed())
		Expect(leases()).To(Equal(before))
	})

	It("at once after its start goes in order as well", func(ctx SpecContext) {
		r, err := op.Launch(replica.Options{LeaderElect: true})
		Expect(err).NotTo(HaveOccurred())
		Eventually(r.Log).WithContext(ctx).Should(ContainSubstring("Starting"))
		Expect(r.Stop()).To(Succeed())
	})
})
