// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const factsSentence = "the facts of a session may not change after its creation: only termination may be set"

var factsRule = ruleOf("UserSession", "spec", factsSentence)

// fact is one thing that a session says of its login, and what somebody might want to make of it.
type fact struct {
	is      any
	becomes []any
}

var facts = map[string]fact{
	"spec.poolRef":           {values{"name": "p"}, []any{values{"name": "q"}}},
	"spec.poolRef.name":      {"p", []any{"q", "P"}},
	"spec.userName":          {"ann", []any{"bob", "Ann"}},
	"spec.userFullName":      {"Ann Example", []any{"Bob Example", ""}},
	"spec.module":            {"Desktop", []any{"Mobile", "desktop"}},
	"spec.type":              {"BackgroundService", []any{"WebServices", "NotApplicable"}},
	"spec.client":            {values{"hostName": "pc-17"}, []any{values{"hostName": "pc-18"}, values{}}},
	"spec.client.hostName":   {"pc-17", []any{"pc-18", ""}},
	"spec.client.ip":         {"192.0.2.17", []any{"192.0.2.18", "2001:db8::17", ""}},
	"spec.client.userName":   {"ann", []any{"bob", ""}},
	"spec.client.mode":       {"Desktop", []any{"Voice", "NotApplicable"}},
	"spec.client.userAgent":  {"Example/1.0", []any{"Example/1.1", ""}},
	"spec.applications":      {[]string{"incidents", "changes"}, []any{[]string{"changes", "incidents"}, []string{"incidents"}, []string{}}},
	"spec.sessionAttributes": {values{"a": "1", "b": "2"}, []any{values{"a": "1", "b": "3"}, values{"a": "1"}, values{"a": "1", "b": "2", "c": "3"}}},
	"spec.extraAttributes":   {"{\"site\": 4}", []any{"{\"site\": 5}", "{\"site\":4}"}},
	"spec.createdBy":         {"portal", []any{"kiosk", ""}},
	"spec.instanceName":      {"app-1", []any{"app-2", ""}},
	"spec.singleSignOn":      {true, []any{false}},
	"spec.systemLogin":       {true, []any{false}},
	"spec.maxWaitSeconds":    {30, []any{31, 0}},
}

var _ = Describe("The facts of a UserSession (C2)", func() {
	refused := func(ctx SpecContext, t trial) {
		GinkgoHelper()
		t.refused(ctx, minimal("UserSession"), "spec", factsSentence)
	}

	for _, field := range fieldsOf("UserSession", "spec") {
		if strings.HasPrefix(field, "spec.termination") || strings.ContainsAny(field, "[]{}") {
			continue // what is no fact, and the inner parts of lists and maps, which change with them
		}
		fact, known := facts[field]
		It("are known to this test: "+field, func() {
			Expect(known).To(BeTrue(), "%s has no case in facts: say what it is and what it might become", field)
		})
		if !known {
			continue
		}
		parent := field[:strings.LastIndex(field, ".")]
		present := given(set(field, fact.is))

		for _, other := range fact.becomes {
			It("may not change: "+field+" to "+show(plain(other)), func(ctx SpecContext) {
				refused(ctx, present.writing("a change of "+field, set(field, other)))
			})
		}
		if requiredFields("UserSession", parent)[field] {
			continue
		}
		It("may not be added later: "+field, func(ctx SpecContext) {
			absent := given(unset(field))
			if parent != "spec" {
				absent = given(set(parent, values{}))
			}
			refused(ctx, absent.writing("an addition of "+field, set(field, fact.is)))
		})
		It("may not be withdrawn: "+field, func(ctx SpecContext) {
			refused(ctx, present.writing("a withdrawal of "+field, unset(field)))
		})
	}

	It("may not change together with a request to terminate", func(ctx SpecContext) {
		refused(ctx, given().writing("both at once", set("spec.userName", "bob"), set("spec.termination", values{})))
	})

	It("may not change through the status either", func(ctx SpecContext) {
		object := minimal("UserSession")
		create(ctx, object)
		apply(object, []edit{set("spec.userName", "bob"), set("status.message", "hello")})
		Expect(api.Status().Update(ctx, object)).To(Succeed())
		Expect(stored(ctx, object)).To(And(
			HaveKeyWithValue("spec", HaveKeyWithValue("userName", "ann")),
			HaveKeyWithValue("status", HaveKeyWithValue("message", "hello"))))
	})

	It("may be written again as they are, every one of them", func(ctx SpecContext) {
		object := full("UserSession")
		create(ctx, object)
		before := object.GetGeneration()
		apply(object, []edit{set("metadata.labels", values{"team": "desk"})})
		Expect(api.Update(ctx, object)).To(Succeed())
		Expect(object.GetGeneration()).To(Equal(before))
		Expect(object.GetLabels()).To(HaveKeyWithValue("team", "desk"))
	})
})

const terminationSentence = "termination may not be changed or withdrawn once it was requested"

var terminationRule = ruleOf("UserSession", "spec", terminationSentence)

var _ = Describe("A request to terminate a UserSession (A9, C8)", func() {
	asked := given(set("spec.termination", values{"requestedBy": "User", "message": "good night"}))

	DescribeTable("is accepted", func(ctx SpecContext, t trial) { t.accepted(ctx, minimal("UserSession")) },
		Entry("once", given().writing("the first request", set("spec.termination", values{"requestedBy": "Administrator"}))),
		Entry("once, without a word", given().writing("the first request", set("spec.termination", values{}))),
		Entry("again as it is", asked.writing("the same request", set("spec.termination", values{"requestedBy": "User", "message": "good night"}))),
		Entry("for a session whose facts are all stated", given(slices.Collect(allFacts)...).writing("the first request", set("spec.termination", values{}))),
	)

	DescribeTable("once made is refused", func(ctx SpecContext, t trial) {
		t.refused(ctx, minimal("UserSession"), "spec", terminationSentence)
	},
		Entry("its withdrawal", asked.writing("a withdrawal", unset("spec.termination"))),
		Entry("another requester", asked.writing("another requester", set("spec.termination.requestedBy", "Administrator"))),
		Entry("another message", asked.writing("another message", set("spec.termination.message", "good morning"))),
		Entry("a withdrawal of its message", asked.writing("no message", unset("spec.termination.message"))),
		Entry("a message added to a request without one",
			given(set("spec.termination", values{})).writing("a message", set("spec.termination.message", "too late"))),
	)
})

// allFacts states every fact.
func allFacts(yield func(edit) bool) {
	for field, fact := range facts {
		if strings.Count(field, ".") == 1 && !yield(set(field, fact.is)) {
			return
		}
	}
}
