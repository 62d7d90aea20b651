// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// What the examples of requests are answered by the document's own words.
var answersToExamples = map[string]int{"SignOn": 201, "BulkHeartbeat": 200, "SendHeartbeat": 200, "ExitSession": 204, "GetActivity": 200}

// Examples name things that do not exist: the namespace, sessions, a token. These are put in their place.
var _ = Describe("The document's examples", func() {
	for _, path := range slices.Sorted(maps.Keys(document.Paths.Map())) {
		for method, operation := range document.Paths.Value(path).Operations() {
			if operation.RequestBody == nil {
				continue
			}
			for contentType, media := range operation.RequestBody.Value.Content {
				for name, example := range media.Examples {
					It(fmt.Sprintf("replayed: %s %s, %s, %s", method, path, contentType, name), func(ctx SpecContext) {
						pool := MakeLicensePool("service-desk").Concurrent(5).OnClientExit(licensing.ExitEndSession).Obj()
						p := somewhere(ctx, pool)
						token := p.token
						signed, err := one.SignOn(ctx, p.token, p.ns, "service-desk", user("someone"), now)
						Expect(err).NotTo(HaveOccurred())
						Expect(signed).To(be("201"))
						if strings.HasPrefix(path, "/v1/session") {
							token = signed.OK.Token
						}
						text, isText := example.Value.Value.(string)
						if !isText {
							raw, err := json.Marshal(example.Value.Value)
							Expect(err).NotTo(HaveOccurred())
							text = string(raw)
						}
						text = strings.NewReplacer("skt1.b3BhcXVlLWV4YW1wbGU.bm90LWEtcmVhbC10b2tlbg", signed.OK.Token,
							"service-desk-x7k2m", signed.OK.Name, "0f5d6a3e-88e5-4c3a-9a6d-0f6a9f0f2c11", signed.OK.UID).Replace(text)
						header := http.Header{"Content-Type": {contentType}}
						if operation.OperationID == "ExitSession" {
							token = "" // it is in the body
						}
						where := strings.NewReplacer("{namespace}", p.ns, "{pool}", "service-desk").Replace(path)
						// The parameters' own examples go with it.
						for _, parameter := range operation.Parameters {
							switch parameter.Value.In {
							case "query":
								where += fmt.Sprintf("?%s=%v", parameter.Value.Name, parameter.Value.Example)
							case "header":
								header[http.CanonicalHeaderKey(parameter.Value.Name)] = []string{fmt.Sprint(parameter.Value.Example)}
							}
						}
						a, err := one.Do(ctx, method, where, token, header, []byte(text))
						Expect(err).NotTo(HaveOccurred())
						Expect(a).To(be(fmt.Sprint(answersToExamples[operation.OperationID])))
						if operation.OperationID == "GetActivity" {
							Expect(shape(a.Body)).To(Equal(exampleShape("GetActivity", "200", "one")))
						}
						if operation.OperationID == "BulkHeartbeat" {
							answers := bulkOf(a.Body)
							Expect(answers).To(HaveExactElements(HaveField("Status", 200), HaveField("Problem.Reason", gatewayapi.ReasonSessionNotFound)))
						}
					})
				}
			}
		}
	}

	// A shape is which fields an object has, and of which kind each is.
	It("of answers have the shape of real ones", func(ctx SpecContext) {
		p := somewhere(ctx, MakeLicensePool("p").DisplayName("Service Desk").Named(1).Concurrent(5).IdleTimeout(30*time.Minute).LostAfter(10*time.Minute).Obj())
		s, err := p.signOn(ctx, one, facts(), now)
		Expect(err).NotTo(HaveOccurred())
		Expect(shape(s.Body)).To(Equal(exampleShape("SignOn", "201", "concurrent")))
		beat, err := one.Beat(ctx, s.OK.Token, &gatewayapi.HeartbeatReport{Active: true, UnsavedWork: new(false)})
		Expect(err).NotTo(HaveOccurred())
		Expect(shape(beat.Body)).To(Equal(exampleShape("SendHeartbeat", "200", "active")))
		record, err := one.Session(ctx, s.OK.Token)
		Expect(err).NotTo(HaveOccurred())
		got, want := shape(record.Body), exampleShape("GetSession", "200", "active")
		for _, fields := range []map[string]string{got, want} {
			delete(fields, "prompt") // false is the default of these, and may be left out
			delete(fields, "unsavedWork")
			delete(fields, "systemLogin")
		}
		Expect(got).To(Equal(want))
		pool, err := one.Pool(ctx, p.token, p.ns, "p")
		Expect(err).NotTo(HaveOccurred())
		Expect(shape(pool.Body)).To(Equal(exampleShape("GetPool", "200", "combined")))
		p.terminate(ctx, s.OK.Name, "Maintenance at nine.")
		var over *replica.Answer[gatewayapi.Heartbeat]
		Eventually(func() (*replica.Answer[gatewayapi.Heartbeat], error) {
			over, err = one.Beat(ctx, s.OK.Token, nil)
			return over, err
		}).WithPolling(250 * time.Millisecond).Should(be("410"))
		Expect(shape(over.Body)).To(Equal(exampleShape("SendHeartbeat", "410", "Terminated")))
	})
})

// shape is the fields of a JSON object, and of which kind each is.
func shape(text []byte) map[string]string {
	GinkgoHelper()
	var object map[string]any
	Expect(json.Unmarshal(text, &object)).To(Succeed())
	fields := map[string]string{}
	for name, value := range object {
		fields[name] = fmt.Sprintf("%T", value)
	}
	return fields
}

func exampleShape(operationID, status, example string) map[string]string {
	GinkgoHelper()
	for _, item := range document.Paths.Map() {
		for _, operation := range item.Operations() {
			if operation.OperationID != operationID {
				continue
			}
			for _, media := range operation.Responses.Value(status).Value.Content {
				raw, err := json.Marshal(media.Examples[example].Value.Value)
				Expect(err).NotTo(HaveOccurred())
				return shape(raw)
			}
		}
	}
	Fail("the document has no example " + example + " of " + operationID)
	return nil
}

// Answers of the document that nobody can ask for here: they take an API server that is away (test/resilience sees to those) or thousands of calls a second; and GetPool
// has nothing yet that could not be read.
var unasked = map[string]bool{
	"BulkHeartbeat 503": true, "GetPool 503": true, "GetSession 503": true, "SignOut 503": true, "SendHeartbeat 503": true, "ExitSession 503": true, "FollowSession 503": true,
	"GetDocument 429": true, "GetPool 400": true, "GetActivity 503": true,
}

var _ = It("Every answer that the document lists was given by the real gateway, and kept to it", afterAll, func() {
	suite, _ := GinkgoConfiguration()
	if len(suite.FocusStrings)+len(suite.SkipStrings)+len(suite.FocusFiles)+len(suite.SkipFiles) > 0 || suite.LabelFilter != "" {
		Skip("only some of the specs were run")
	}
	var missing []string
	promises.mu.Lock()
	defer promises.mu.Unlock()
	for _, item := range document.Paths.Map() {
		for _, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				if answer := operation.OperationID + " " + status; !promises.seen[answer] && !unasked[answer] {
					missing = append(missing, answer)
				}
			}
		}
	}
	slices.Sort(missing)
	Expect(missing).To(BeEmpty(), "answers that no spec saw")
})
