// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

var _ = Describe("A body", func() {
	var p *place
	var s *gatewayapi.SignedOn
	BeforeEach(func(ctx SpecContext) {
		p = somewhere(ctx, MakeLicensePool("p").Concurrent(5).OnClientExit(licensing.ExitEndSession).Obj())
		s = p.signedOn(ctx, one, user("ann"))
	})
	// post sends a body to one of the calls that take one.
	post := func(ctx SpecContext, call string, header http.Header, body []byte) string {
		GinkgoHelper()
		path, token := "/v1/session/"+call, s.Token
		switch call {
		case "sessions":
			path, token = "/v1/namespaces/"+p.ns+"/pools/p/sessions", p.token
		case "heartbeats":
			path, token = "/v1/namespaces/"+p.ns+"/heartbeats", p.token
		}
		a, err := one.Do(ctx, http.MethodPost, path, token, header, body)
		Expect(err).NotTo(HaveOccurred())
		return a.String()
	}
	calls := []string{"sessions", "heartbeats", "heartbeat", "exit"}

	It("that is too large is refused: 413, whether its length is announced or not", func(ctx SpecContext) {
		for _, call := range calls {
			Expect(post(ctx, call, jsonBody, bytes.Repeat([]byte(" "), 5<<20))).To(HavePrefix("413 TooLarge: The body must have at most"), call)
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, one.URL+"/v1/session/heartbeat", io.MultiReader(strings.NewReader("{"), bytes.NewReader(make([]byte, 5<<20))))
		Expect(err).NotTo(HaveOccurred())
		request.Header = http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + s.Token}}
		answer, err := one.HTTP.Do(request)
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Body.Close()).To(Succeed())
		Expect(answer.StatusCode).To(Equal(http.StatusRequestEntityTooLarge))
	})

	It("of another type is refused: 415", func(ctx SpecContext) {
		for _, call := range calls {
			for _, contentType := range []string{"application/xml", "application/json; charset=latin-1", ""} {
				header := http.Header{"Content-Type": {contentType}}
				Expect(post(ctx, call, header, []byte(`{"active":true}`))).To(HavePrefix("415 UnsupportedMediaType: Content-Type must be application/json"), "%s %s", call, contentType)
			}
		}
		Expect(post(ctx, "heartbeat", http.Header{"Content-Type": {"Application/JSON; charset=UTF-8"}}, []byte(`{"active":true}`))).To(HavePrefix("200"))
	})

	It("that is not what the call takes is refused in a sentence that says what must be: 400", func(ctx SpecContext) {
		for _, call := range calls {
			for body, said := range map[string]string{
				`[]`:                   "The body must be one JSON object with the fields of this call.",
				`null`:                 "The body must be one JSON object with the fields of this call.",
				`{`:                    "The body must be one JSON object",
				`{"a":1}{"a":2}`:       "",
				`{"userNam":"ann"}`:    "The field userNam must be left out: this call does not know it",
				`{"colour":1}`:         "The field colour must be left out: this call does not know it",
				"{\"userName\":\"\xff": "The body must be UTF-8 text.",
			} {
				Expect(post(ctx, call, jsonBody, []byte(body))).To(HavePrefix("400 BadRequest: "+said), "%s %s", call, body)
			}
			time.Sleep(time.Second) // a session's calls are ten a second
		}
		for body, said := range map[string]string{
			`{"userName":7}`:                                "The field userName must be text, not a number.",
			`{"userName":"ann","userName":"bob"}`:           "The field userName must be stated once.",
			`{"userName":"ann","applications":"Incidents"}`: "The field applications must be a list, not text.",
			`{"userName":"ann","singleSignOn":"yes"}`:       "The field singleSignOn must be true or false, not text.",
			`{"UserName":"ann"}`:                            "The field UserName must be left out",
		} {
			Expect(post(ctx, "sessions", jsonBody, []byte(body))).To(HavePrefix("400 BadRequest: "+said), body)
		}
		Expect(p.live(ctx)).To(HaveLen(1))
	})
})

var _ = Describe("A call that there is not", func() {
	It("is answered 404, and one by another method 405 with those that there are", func(ctx SpecContext) {
		Expect(one.Do(ctx, http.MethodGet, "/v2/session", "", nil, nil)).To(be("404 NotFound: There is no such call"))
		Expect(one.Do(ctx, http.MethodGet, "/", "", nil, nil)).To(be("404 NotFound"))
		a, err := one.Do(ctx, http.MethodPut, "/v1/session", "", nil, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(a).To(be("405 MethodNotAllowed: The method must be GET or DELETE."))
		Expect(a.Header.Get("Allow")).To(Equal("GET, DELETE"))
	})

	It("and the document is answered to anybody", func(ctx SpecContext) {
		a, err := two.Do(ctx, http.MethodGet, "/v1/openapi.yaml", "", nil, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(a.Body).To(Equal(gatewayapi.Document))
	})
})

var _ = Describe("More logins that wait than may", func() {
	It("are answered 503 TooManyWaiting with Retry-After, and one caller leaves a place to others", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
		neighbour, err := op.AppServer(ctx, p.ns, "neighbour")
		Expect(err).NotTo(HaveOccurred())
		holder := p.signedOn(ctx, three, user("holder"))
		outcomes := make(chan outcome, 3)
		long := replica.SignOnOptions{Wait: time.Minute}
		for i := range 2 {
			p.waits(ctx, three, fmt.Sprintf("user-%d", i), long, outcomes)
		}
		Expect(p.signOn(ctx, three, user("one-more"), long)).To(be("503 TooManyWaiting"))
		other := &place{ns: p.ns, token: neighbour}
		other.waits(ctx, three, "other", long, outcomes)
		a, err := three.SignOn(ctx, neighbour, p.ns, "p", user("one-more"), long)
		Expect(err).NotTo(HaveOccurred())
		Expect(a).To(be("503 TooManyWaiting: As many logins wait here as may."))
		Expect(a.Header.Get("Retry-After")).To(Equal("2"))
		Expect(three.Beat(ctx, holder.Token, nil)).To(be("200"), "who is on is heard all the same")
		for range 3 {
			Expect(three.SignOut(ctx, holder.Token)).To(be("204"))
			var o outcome
			Eventually(outcomes).Should(Receive(&o))
			Expect(o.String()).To(HaveSuffix(" 201"))
			holder = o.OK
		}
	})
})

// slow sends the beginning of a request and then nothing, and returns what came back until the gateway closed the connection.
func slow(ctx context.Context, g Gomega, r *replica.Replica, beginning string) (answer string, took time.Duration) {
	began := time.Now()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Address)
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	_, err = io.WriteString(conn, beginning)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(conn.SetReadDeadline(time.Now().Add(time.Minute))).To(Succeed())
	text, err := io.ReadAll(conn)
	g.Expect(err).NotTo(HaveOccurred(), "the gateway must close it")
	return string(text), time.Since(began)
}

var _ = inShadow("A client that does not finish its headers is cut off", func(context.Context) func(context.Context, Gomega) {
	return func(ctx context.Context, g Gomega) {
		_, took := slow(ctx, g, first, "GET /v1/session HTTP/1.1\r\nHost: gateway\r\nX-Slow: ")
		g.Expect(took).To(BeNumerically(">", 3*time.Second))
	}
})

var _ = inShadow("A client that does not finish its body is told so, and cut off", func(ctx context.Context) func(context.Context, Gomega) {
	p := somewhere(ctx, MakeLicensePool("p").Concurrent(5).Obj())
	s := p.signedOn(ctx, one, user("ann"))
	return func(ctx context.Context, g Gomega) {
		answer, took := slow(ctx, g, first, "POST /v1/session/heartbeat HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer "+s.Token+
			"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"active\":")
		g.Expect(took).To(BeNumerically(">", 8*time.Second))
		g.Expect(answer).To(HavePrefix("HTTP/1.1 400 Bad Request\r\n"))
		g.Expect(answer).To(ContainSubstring("The body must be sent within 10s."))
	}
})

var _ = inShadow("A client that is refused before its body is looked at, and does not send that, is answered and cut off", func(context.Context) func(context.Context, Gomega) {
	return func(ctx context.Context, g Gomega) {
		for _, length := range []string{"Content-Length: 100", "Content-Length: 100000000", "Transfer-Encoding: chunked"} {
			answer, _ := slow(ctx, g, first, "POST /v1/namespaces/itsm/heartbeats HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"+length+"\r\n\r\n")
			g.Expect(answer).To(HavePrefix("HTTP/1.1 401 Unauthorized\r\n"), length)
		}
	}
})

var _ = It("Headers that are too large are refused: 431", func(ctx SpecContext) {
	answer, _ := slow(ctx, Default, first, "GET /v1/session HTTP/1.1\r\nHost: gateway\r\nX-Large: "+strings.Repeat("x", 40<<10)+"\r\nConnection: close\r\n\r\n")
	Expect(answer).To(HavePrefix("HTTP/1.1 431 "))
})
