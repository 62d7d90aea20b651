// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// filled is a default: what the API server fills in where the field is left out, in an object with these edits.
type filled struct {
	field string
	with  any
	given []edit
}

// poolDefaults: all of one user's sessions share one seat (A2), idle sessions are never ended (A10), sign off on exit is off (B6),
// the client IP check is off (B5).
var poolDefaults = []filled{
	{field: "spec.enrollment", with: "Open"},
	{field: "spec.userNameCase", with: "Insensitive"},
	{field: "spec.sharing", with: values{"seatPer": []string{"User"}}},
	{field: "spec.sharing.seatPer", with: []string{"User"}, given: []edit{set("spec.sharing", values{})}},
	{field: "spec.sessions", with: values{
		"heartbeatIntervalSeconds": 30, "lostAfterSeconds": 600, "retentionSeconds": 3600,
		"clientIPCheck": "Ignored", "onClientExit": "KeepSession",
	}},
	{field: "spec.sessions.heartbeatIntervalSeconds", with: 30, given: []edit{set("spec.sessions", values{})}},
	{field: "spec.sessions.lostAfterSeconds", with: 600, given: []edit{set("spec.sessions", values{})}},
	{field: "spec.sessions.retentionSeconds", with: 3600, given: []edit{set("spec.sessions", values{})}},
	{field: "spec.sessions.clientIPCheck", with: "Ignored", given: []edit{set("spec.sessions", values{})}},
	{field: "spec.sessions.onClientExit", with: "KeepSession", given: []edit{set("spec.sessions", values{})}},
	{field: "spec.sessions.prompt.leadSeconds", with: 60, given: []edit{set("spec.sessions.prompt", values{})}},
	{field: "spec.sessions.prompt.modules", with: []string{"Web"}, given: []edit{set("spec.sessions.prompt", values{})}},
	{field: "spec.sessions.maxPerUser.whenExceeded", with: "Deny", given: []edit{set("spec.sessions.maxPerUser.sessions", 3)}},
}

var accountDefaults = []filled{
	{field: "spec.type", with: "Concurrent"},
}

// sessionDefaults: a session waits for its decision until it has one.
var sessionDefaults = []filled{
	{field: "spec.module", with: "Web"},
	{field: "spec.type", with: "NotApplicable"},
	{field: "spec.client.mode", with: "NotApplicable", given: []edit{set("spec.client", values{})}},
	{field: "spec.termination.requestedBy", with: "Administrator", given: []edit{set("spec.termination", values{})}},
	{field: "status", with: values{"state": "Pending"}},
}

func defaulted(kind string, defaults []filled) []constraint {
	var all []constraint
	for _, d := range defaults {
		all = append(all, constraint{kind, d.field, "default"})
	}
	return all
}

var _ = Describe("Left out, a field takes its default (A2, A10, B5, B6)", func() {
	for kind, defaults := range map[string][]filled{
		"LicensePool": poolDefaults, "LicenseAccount": accountDefaults, "UserSession": sessionDefaults, "LicenseUsage": nil,
	} {
		for _, d := range defaults {
			It(kind+" "+d.field, func(ctx SpecContext) {
				object := minimal(kind)
				apply(object, d.given)
				Expect(api.Create(ctx, object)).To(Succeed())
				got, _ := value(stored(ctx, object), d.field)
				Expect(got).To(Equal(plain(d.with)))
			})
		}
	}

	DescribeTable("and the rest of the least object stays unstated", func(ctx SpecContext, kind string, spec values) {
		object := minimal(kind)
		Expect(api.Create(ctx, object)).To(Succeed())
		Expect(stored(ctx, object)).To(HaveKeyWithValue("spec", Equal(plain(spec))))
	},
		Entry("of a pool", "LicensePool", values{
			"concurrent": values{"seats": 5}, "enrollment": "Open", "userNameCase": "Insensitive",
			"sharing": values{"seatPer": []string{"User"}},
			"sessions": values{
				"heartbeatIntervalSeconds": 30, "lostAfterSeconds": 600, "retentionSeconds": 3600,
				"clientIPCheck": "Ignored", "onClientExit": "KeepSession",
			},
		}),
		Entry("of an account", "LicenseAccount", values{"poolRef": values{"name": "p"}, "userName": "ann", "type": "Concurrent"}),
		Entry("of a session", "UserSession", values{
			"poolRef": values{"name": "p"}, "userName": "ann", "module": "Web", "type": "NotApplicable",
		}),
	)
})
