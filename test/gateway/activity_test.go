// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// ask asks one replica for the activity of sessions.
func ask(ctx context.Context, g *replica.Gateway, uids ...string) []gatewayapi.Activity {
	GinkgoHelper()
	question, err := json.Marshal(gatewayapi.ActivityQuestion{Uids: uids})
	Expect(err).NotTo(HaveOccurred())
	a, err := g.Do(ctx, http.MethodPost, "/v1/activity", "", jsonBody, question)
	Expect(err).NotTo(HaveOccurred())
	Expect(a).To(be("200"))
	var answer gatewayapi.ActivityAnswer
	Expect(json.Unmarshal(a.Body, &answer)).To(Succeed())
	return answer.Sessions
}

var _ = Describe("A question about activity", func() {
	It("is answered by the replica that heard the client with more than the record has, without a token", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(5).IdleTimeout(30*time.Minute).Obj())
		s := p.signedOn(ctx, three, user("ann")) // this replica writes no record for freshness
		var heard gatewayapi.Activity
		Eventually(func(g Gomega) {
			g.Expect(three.Beat(ctx, s.Token, &gatewayapi.HeartbeatReport{Active: true, UnsavedWork: new(false)})).To(be("200"))
			sessions := ask(ctx, three, s.UID, "0f5d6a3e-88e5-4c3a-9a6d-0f6a9f0f2c11")
			g.Expect(sessions).To(HaveLen(1), "a uid that nobody knows is left out")
			heard = sessions[0]
			g.Expect(heard.LastActivityTime).To(BeTemporally(">", s.LogonTime.Add(time.Second)))
		}).WithPolling(250 * time.Millisecond).Should(Succeed())
		Expect(heard.UID).To(Equal(s.UID))
		Expect(heard.LastHeartbeatTime).To(HaveValue(BeTemporally(">", s.LogonTime)))
		Expect(heard.TimeoutTime).To(HaveValue(BeTemporally("==", heard.LastActivityTime.Add(30*time.Minute))))
		Expect(heard.KeepAlive).To(BeTrue())
		Expect(p.record(ctx, s.Name).Status.LastActivityTime.Time).To(BeTemporally("<", heard.LastActivityTime), "the record lags")

		By("and by a replica that did not with what its watch shows")
		sessions := ask(ctx, one, s.UID)
		Expect(sessions).To(HaveExactElements(HaveField("LastActivityTime", BeTemporally("<", heard.LastActivityTime))))

		By("and with nothing once the session has ended")
		Expect(three.SignOut(ctx, s.Token)).To(be("204"))
		Eventually(func() []gatewayapi.Activity {
			return ask(ctx, one, s.UID)
		}).WithPolling(250 * time.Millisecond).Should(BeEmpty())
	})

	It("that is no question is refused: 400, 413, 415", func(ctx SpecContext) {
		for body, said := range map[string]string{
			`{"uids":[]}`:                 "400 BadRequest: uids must have 1 to 1000 entries.",
			`{"uids":["a"],"user":"ann"}`: "400 BadRequest: The field user must be left out",
			string(make([]byte, 1<<20)):   "413 TooLarge: The body must have at most 131072 bytes.",
		} {
			Expect(two.Do(ctx, http.MethodPost, "/v1/activity", "", jsonBody, []byte(body))).To(be(said))
		}
		Expect(two.Do(ctx, http.MethodPost, "/v1/activity", "", http.Header{"Content-Type": {"text/plain"}}, []byte(`{"uids":["a"]}`))).To(be("415 UnsupportedMediaType"))
	})

	It("that is asked too often from one address is told to wait: 429", func(ctx SpecContext) {
		question := []byte(`{"uids":["0f5d6a3e-88e5-4c3a-9a6d-0f6a9f0f2c11"]}`)
		Eventually(func(g Gomega) {
			said := make([]string, 200)
			var group sync.WaitGroup
			for i := range said {
				group.Go(func() {
					if a, err := safe.Do(ctx, http.MethodPost, "/v1/activity", "", jsonBody, question); err == nil {
						said[i] = a.String()
					}
				})
			}
			group.Wait()
			g.Expect(said).To(ContainElement("429 TooManyRequests: Try again after the time that Retry-After states."))
			g.Expect(said).To(HaveEach(Or(Equal("200"), HavePrefix("429"))))
		}).WithPolling(time.Second).Should(Succeed())
	})
})
