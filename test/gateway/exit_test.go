// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

const exitPath = "/v1/session/exit"

var _ = Describe("A client whose last window is closed (B6)", func() {
	exit := func(ctx SpecContext, header http.Header, body string) {
		GinkgoHelper()
		Expect(one.Do(ctx, http.MethodPost, exitPath, "", header, []byte(body))).To(be("204"))
	}
	// ways are how a client can say so: sendBeacon sends text, or a Blob of type application/json, and no header of its own.
	ways := map[string]func(ctx SpecContext, token string){
		"with the token in the header": func(ctx SpecContext, token string) { Expect(one.Exit(ctx, token)).To(be("204")) },
		"by sendBeacon with text": func(ctx SpecContext, token string) {
			exit(ctx, http.Header{"Content-Type": {"text/plain;charset=UTF-8"}, "Origin": {"https://desk.example.com"}}, `{"token": "`+token+`"}`)
		},
		"by sendBeacon with a Blob of JSON": func(ctx SpecContext, token string) { exit(ctx, jsonBody, `{"token":"`+token+`"}`) },
		"with the token in both": func(ctx SpecContext, token string) {
			Expect(one.Do(ctx, http.MethodPost, exitPath, token, jsonBody, []byte(`{}`))).To(be("204"))
		},
	}
	for way, say := range ways {
		It("ends its session where the pool says EndSession, "+way, func(ctx SpecContext) {
			p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).OnClientExit(licensing.ExitEndSession).Obj())
			s := p.signedOn(ctx, two, user("ann"))
			Expect(one.Beat(ctx, s.Token, nil)).To(be("200"))
			events := follow(ctx, two, s.Token)
			say(ctx, s.Token)
			Expect(events.terminated()).To(And(
				HaveField("TerminationAction", BeEquivalentTo(licensing.RequestedByUser)), HaveField("Detail", "The user closed the client.")))
			p.seated(ctx, 0)
			say(ctx, s.Token) // a beacon may come twice
		})

		It("keeps its session where the pool says KeepSession, "+way, func(ctx SpecContext) {
			p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).OnClientExit(licensing.ExitKeepSession).Obj())
			s := p.signedOn(ctx, two, user("ann"))
			say(ctx, s.Token)
			Consistently(func() []licensing.UserSession { return p.live(ctx) }).WithTimeout(500 * time.Millisecond).Should(HaveLen(1))
			Expect(p.record(ctx, s.Name).Spec.Termination).To(BeNil())
			Expect(one.Beat(ctx, s.Token, nil)).To(be("200"))
		})
	}

	It("must send a good token, and in a form that a beacon has", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).OnClientExit(licensing.ExitEndSession).Obj())
		s := p.signedOn(ctx, one, user("ann"))
		post := func(header http.Header, body string) string {
			GinkgoHelper()
			a, err := one.Do(ctx, http.MethodPost, exitPath, "", header, []byte(body))
			Expect(err).NotTo(HaveOccurred())
			return a.String()
		}
		Expect(post(jsonBody, `{"token":"`+s.Token+`x"}`)).To(HavePrefix("401 Unauthenticated"))
		Expect(post(jsonBody, `{}`)).To(HavePrefix("401 Unauthenticated"))
		Expect(post(nil, ``)).To(HavePrefix("401 Unauthenticated"))
		Expect(post(jsonBody, `"`+s.Token+`"`)).To(HavePrefix("400 BadRequest"))
		Expect(post(http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, `token=`+s.Token)).To(HavePrefix("415 UnsupportedMediaType"))
		Expect(post(http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer nonsense"}}, `{"token":"`+s.Token+`"}`)).To(HavePrefix("401"))
		Expect(p.live(ctx)).To(HaveLen(1))
	})
})
