// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
)

type values = map[string]any

var poolRules = ruleSet{"LicensePool", slices.Concat(moduleRules("spec.sharing.moduleGroups[][]"), moduleRules("spec.sessions.prompt.modules[]"), []rule{
	{
		field: "spec", sentence: "at least one of named and concurrent must be stated",
		accepts: []trial{
			creating("named seats alone", unset("spec.concurrent"), set("spec.named.seats", 25)),
			creating("concurrent seats alone", set("spec.concurrent.seats", 50)),
			creating("both", set("spec.named.seats", 25), set("spec.concurrent.seats", 50)),
			creating("none bought of the one model stated", set("spec.concurrent.seats", 0)),
			given().writing("the other model later", set("spec.named.seats", 25)),
			given(set("spec.named.seats", 25)).writing("one of two models withdrawn", unset("spec.concurrent")),
		},
		refuses: []trial{
			creating("no model at all", unset("spec.concurrent")),
			creating("an empty spec", set("spec", values{})),
			given().writing("the only model withdrawn", unset("spec.concurrent")),
		},
	},
	{
		field: "spec.validity", sentence: "notAfter must be later than notBefore",
		accepts: []trial{
			creating("a year", set("spec.validity", values{"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2027-01-01T00:00:00Z"})),
			creating("one second", set("spec.validity", values{"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2026-01-01T00:00:01Z"})),
			creating("no end", set("spec.validity", values{"notBefore": "2026-01-01T00:00:00Z"})),
			creating("no beginning", set("spec.validity", values{"notAfter": "2026-01-01T00:00:00Z"})),
			creating("times of different zones in the right order",
				set("spec.validity", values{"notBefore": "2026-01-01T02:00:00+02:00", "notAfter": "2026-01-01T01:00:00Z"})),
		},
		refuses: []trial{
			creating("an end before the beginning",
				set("spec.validity", values{"notBefore": "2027-01-01T00:00:00Z", "notAfter": "2026-01-01T00:00:00Z"})),
			creating("an end at the beginning",
				set("spec.validity", values{"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2026-01-01T00:00:00Z"})),
			creating("times of different zones in the wrong order",
				set("spec.validity", values{"notBefore": "2026-01-01T01:00:00Z", "notAfter": "2026-01-01T02:00:00+02:00"})),
			given(set("spec.validity", values{"notBefore": "2026-01-01T00:00:00Z"})).
				writing("an end before the beginning, added later", set("spec.validity.notAfter", "2025-01-01T00:00:00Z")),
		},
	},
	{
		field: "spec.sharing", sentence: "each module must be listed in one of moduleGroups at the most",
		accepts: []trial{
			creating("groups without a common module", set("spec.sharing.moduleGroups", [][]string{{"Web", "Desktop"}, {"Mobile"}})),
			creating("no group", set("spec.sharing.moduleGroups", []any{})),
		},
		refuses: []trial{
			creating("a module in two groups", set("spec.sharing.moduleGroups", [][]string{{"Web", "Desktop"}, {"Mobile", "Web"}})),
			creating("two equal groups", set("spec.sharing.moduleGroups", [][]string{{"Web"}, {"Web"}})),
			given(set("spec.sharing.moduleGroups", [][]string{{"Web"}})).
				writing("a module in a second group, added later", set("spec.sharing.moduleGroups", [][]string{{"Web"}, {"Mobile", "Web"}})),
		},
	},
	{
		field: "spec.sessions", sentence: "unsavedWorkTimeoutSeconds must come with idleTimeoutSeconds, which it extends",
		accepts: []trial{
			creating("both", set("spec.sessions", values{"idleTimeoutSeconds": 1800, "unsavedWorkTimeoutSeconds": 28800})),
			creating("an idle timeout alone", set("spec.sessions", values{"idleTimeoutSeconds": 1800})),
			creating("neither: idle sessions are never ended", set("spec.sessions", values{})),
		},
		refuses: []trial{
			creating("a second idle period without a first", set("spec.sessions", values{"unsavedWorkTimeoutSeconds": 28800})),
			given(set("spec.sessions", values{"idleTimeoutSeconds": 1800, "unsavedWorkTimeoutSeconds": 28800})).
				writing("the first withdrawn alone", unset("spec.sessions.idleTimeoutSeconds")),
		},
	},
	{
		field: "spec.sessions", sentence: "unsavedWorkTimeoutSeconds must be at least idleTimeoutSeconds",
		accepts: []trial{
			creating("equal periods", set("spec.sessions", values{"idleTimeoutSeconds": 1800, "unsavedWorkTimeoutSeconds": 1800})),
		},
		refuses: []trial{
			creating("a second period shorter by a second", set("spec.sessions", values{"idleTimeoutSeconds": 1800, "unsavedWorkTimeoutSeconds": 1799})),
		},
	},
	{
		field: "spec.sessions", sentence: "prompt.leadSeconds must be shorter than idleTimeoutSeconds",
		accepts: []trial{
			creating("a lead shorter by a second", set("spec.sessions", values{"idleTimeoutSeconds": 90, "prompt": values{"leadSeconds": 89}})),
			creating("a prompt where nothing idles out", set("spec.sessions", values{"prompt": values{"leadSeconds": 3600}})),
		},
		refuses: []trial{
			creating("a lead as long as the timeout", set("spec.sessions", values{"idleTimeoutSeconds": 90, "prompt": values{"leadSeconds": 90}})),
			creating("a lead longer than the timeout", set("spec.sessions", values{"idleTimeoutSeconds": 90, "prompt": values{"leadSeconds": 91}})),
			creating("the default lead where the timeout is as short", set("spec.sessions", values{"idleTimeoutSeconds": 60, "prompt": values{}})),
		},
	},
	{
		field: "spec.sessions", sentence: "lostAfterSeconds must be at least twice heartbeatIntervalSeconds",
		accepts: []trial{
			creating("just two heartbeats", set("spec.sessions", values{"heartbeatIntervalSeconds": 30, "lostAfterSeconds": 60})),
			creating("the longest interval that suits the default", set("spec.sessions", values{"heartbeatIntervalSeconds": 300})),
		},
		refuses: []trial{
			creating("a second less than two heartbeats", set("spec.sessions", values{"heartbeatIntervalSeconds": 30, "lostAfterSeconds": 59})),
			creating("less than two heartbeats of the default interval", set("spec.sessions", values{"lostAfterSeconds": 59})),
			creating("an interval too long for the default", set("spec.sessions", values{"heartbeatIntervalSeconds": 301})),
		},
	},
})}

var _ = Describe("The rules of a LicensePool (A2, A3, A10, A11, B8)", func() {
	proveRules(poolRules)
})
