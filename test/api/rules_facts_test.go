// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"cmp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

const factsSentence = "the facts of a session may not change after its creation: only termination may be set"

// fact is one thing that a session says of its login, and what somebody might want to make of it.
type fact struct {
	is      any
	becomes []any
	// guard is the field whose rule refuses a change; none: the fact's own.
	guard string
}

var facts = map[string]fact{
	"spec.poolRef":           {is: values{"name": "p"}, becomes: []any{values{"name": "q"}}},
	"spec.poolRef.name":      {is: "p", becomes: []any{"q", "p.p"}, guard: "spec.poolRef"},
	"spec.userName":          {is: "ann", becomes: []any{"bob", "Ann"}},
	"spec.userFullName":      {is: "Ann Example", becomes: []any{"Bob Example", ""}},
	"spec.module":            {is: "Desktop", becomes: []any{"Mobile", "desktop"}},
	"spec.type":              {is: "BackgroundService", becomes: []any{"WebServices", "NotApplicable"}},
	"spec.client":            {is: values{}}, // that is, whether one is stated at all; the rest is up to the fields in it
	"spec.client.hostName":   {is: "pc-17", becomes: []any{"pc-18", ""}},
	"spec.client.ip":         {is: "192.0.2.17", becomes: []any{"192.0.2.18", "2001:db8::17", ""}},
	"spec.client.userName":   {is: "ann", becomes: []any{"bob", ""}},
	"spec.client.mode":       {is: "Desktop", becomes: []any{"Voice", "NotApplicable"}},
	"spec.client.userAgent":  {is: "Example/1.0", becomes: []any{"Example/1.1", ""}},
	"spec.applications":      {is: []string{"incidents", "changes"}, becomes: []any{[]string{"changes", "incidents"}, []string{"incidents"}, []string{}}},
	"spec.sessionAttributes": {is: values{"a": "1", "b": "2"}, becomes: []any{values{"a": "1", "b": "3"}, values{"a": "1"}, values{"a": "1", "b": "2", "c": "3"}, values{}}},
	"spec.extraAttributes":   {is: "{\"site\": 4}", becomes: []any{"{\"site\": 5}", "{\"site\":4}", ""}},
	"spec.createdBy":         {is: "portal", becomes: []any{"kiosk", ""}},
	"spec.instanceName":      {is: "app-1", becomes: []any{"app-2", ""}},
	"spec.singleSignOn":      {is: true, becomes: []any{false}},
	"spec.systemLogin":       {is: true, becomes: []any{false}},
	"spec.maxWaitSeconds":    {is: 30, becomes: []any{31, 0}},
}

// guarded is the field whose rule refuses a change of a fact.
func guarded(field string) string {
	return cmp.Or(facts[field].guard, field)
}

// factRules are the rules that the facts are guarded by.
func factRules() []constraint {
	var rules []constraint
	for field := range facts {
		rules = append(rules, ruleOf("UserSession", guarded(field), factsSentence))
	}
	return rules
}

// zeroOf is what a client sends for a field that it knows nothing of, if it sends the field at all.
func zeroOf(field string) any {
	var zero any
	walk("", schemaOf("UserSession"), func(at string, s *apiextensionsv1.JSONSchemaProps) {
		if at == field {
			zero = map[string]any{"string": "", "integer": 0, "boolean": false, "array": []any{}, "object": values{}}[s.Type]
		}
	})
	return zero
}

var _ = Describe("The facts of a UserSession (C2)", func() {
	refused := func(ctx SpecContext, field string, t trial) {
		GinkgoHelper()
		t.refused(ctx, minimal("UserSession"), guarded(field), factsSentence)
	}

	// terminable demands that a program which reads the session into the Go type, where zero and absent are one, can still ask for its end.
	terminable := func(ctx SpecContext, edits ...edit) {
		GinkgoHelper()
		object := minimal("UserSession")
		apply(object, edits)
		create(ctx, object)
		for _, e := range edits {
			got, found := value(stored(ctx, object), e.field)
			Expect(found && holds(got, e.says)).To(BeTrue(), "%s was stored as %v", e.field, got)
		}
		session := &licensing.UserSession{}
		Expect(api.Get(ctx, client.ObjectKeyFromObject(object), session)).To(Succeed())
		session.Spec.Termination = &licensing.Termination{RequestedBy: licensing.RequesterAdministrator}
		Expect(api.Update(ctx, session)).To(Succeed())
	}

	var zeros []edit
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
				refused(ctx, field, present.writing("a change of "+field, set(field, other)))
			})
		}
		if requiredFields("UserSession", parent)[field] {
			continue
		}
		absent := given(unset(field))
		if parent != "spec" {
			absent = given(set(parent, values{}))
		}
		It("may not be added later: "+field, func(ctx SpecContext) {
			refused(ctx, field, absent.writing("an addition of "+field, set(field, fact.is)))
		})
		It("may not be withdrawn: "+field, func(ctx SpecContext) {
			refused(ctx, field, present.writing("a withdrawal of "+field, unset(field)))
		})
		if defaults("UserSession", field) {
			continue
		}

		zero := set(field, zeroOf(field))
		zeros = append(zeros, zero)
		It("may be stated as zero: "+field, func(ctx SpecContext) { terminable(ctx, zero) })
		if field == "spec.client" {
			continue
		}
		It("may be zero or absent alike: "+field, func(ctx SpecContext) {
			given(zero).writing("zero left out", unset(field)).accepted(ctx, minimal("UserSession"))
			absent.writing("zero added", zero).accepted(ctx, minimal("UserSession"))
		})
		It("may not become known later, once stated as zero: "+field, func(ctx SpecContext) {
			refused(ctx, field, given(zero).writing("an addition of "+field, set(field, fact.is)))
		})
	}

	It("may all be stated as zero", func(ctx SpecContext) { terminable(ctx, zeros...) })

	It("may not change together with a request to terminate", func(ctx SpecContext) {
		refused(ctx, "spec.userName", given().writing("both at once", set("spec.userName", "bob"), set("spec.termination", values{})))
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

const (
	withdrawalSentence = "termination may not be withdrawn once it was requested"
	requestSentence    = "termination may not be changed once it was requested"
)

var terminationRules = []constraint{
	ruleOf("UserSession", "spec.termination", withdrawalSentence),
	ruleOf("UserSession", "spec.termination", requestSentence),
}

var _ = Describe("A request to terminate a UserSession (A9, C8)", func() {
	asked := given(set("spec.termination", values{"requestedBy": "User", "message": "good night"}))
	silent := given(set("spec.termination", values{"message": ""}))

	It("has no more parts than these tests change", func() {
		Expect(fieldsOf("UserSession", "spec.termination")).To(ConsistOf("spec.termination.requestedBy", "spec.termination.message"))
	})

	DescribeTable("is accepted", func(ctx SpecContext, t trial) { t.accepted(ctx, minimal("UserSession")) },
		Entry("once", given().writing("the first request", set("spec.termination", values{"requestedBy": "Administrator"}))),
		Entry("once, without a word", given().writing("the first request", set("spec.termination", values{}))),
		Entry("again as it is", asked.writing("the same request", set("spec.termination", values{"requestedBy": "User", "message": "good night"}))),
		Entry("again without its empty message", silent.writing("the same request", unset("spec.termination.message"))),
		Entry("for a session whose facts are all stated", given(slices.Collect(allFacts)...).writing("the first request", set("spec.termination", values{}))),
	)

	DescribeTable("once made is refused", func(ctx SpecContext, sentence string, t trial) {
		t.refused(ctx, minimal("UserSession"), "spec.termination", sentence)
	},
		Entry("its withdrawal", withdrawalSentence, asked.writing("a withdrawal", unset("spec.termination"))),
		Entry("another requester", requestSentence, asked.writing("another requester", set("spec.termination.requestedBy", "Administrator"))),
		Entry("another message", requestSentence, asked.writing("another message", set("spec.termination.message", "good morning"))),
		Entry("a withdrawal of its message", requestSentence, asked.writing("no message", unset("spec.termination.message"))),
		Entry("an empty message", requestSentence, asked.writing("an empty message", set("spec.termination.message", ""))),
		Entry("a message added to a request without one", requestSentence,
			given(set("spec.termination", values{})).writing("a message", set("spec.termination.message", "too late"))),
		Entry("a message added to a request with an empty one", requestSentence,
			silent.writing("a message", set("spec.termination.message", "too late"))),
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
