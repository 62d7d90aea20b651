// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

func moduleName(i int) any { return fmt.Sprintf("module-%d", i) }

// conditionsLimits are the same for every kind.
func conditionsLimits() []limit {
	condition := func(i int) any {
		return map[string]any{
			"type": fmt.Sprintf("Condition%d", i), "status": "True", "reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z",
		}
	}
	doubled := limit{field: "status.conditions", covers: []string{"unique"}}.
		refuseAt("status.conditions[1]", []any{condition(1), condition(1)}, "Duplicate value")
	return []limit{list("status.conditions", 0, 16, condition), doubled}
}

// What a pool may say: seats (A3, A4), validity, sharing (A2), the rules of its sessions (A10, A11, B3, B5, B6, B8, C7).
var poolLimits = slices.Concat([]limit{
	required("spec"),
	text("spec.displayName", 0, 128),
	required("spec.named.seats"),
	number("spec.named.seats", 0, 1_000_000).
		refuse(-25, "should be greater than or equal to 0").
		refuse(2_000_000, "should be less than or equal to 1000000"),
	required("spec.concurrent.seats"),
	number("spec.concurrent.seats", 0, 1_000_000).
		refuse(-50, "should be greater than or equal to 0").
		refuse(2_000_000, "should be less than or equal to 1000000"),
	oneOf(words(licensing.EnrollmentOpen, licensing.EnrollmentAccountsOnly), "spec.enrollment"),
	oneOf(words(licensing.UserNameCaseInsensitive, licensing.UserNameCaseSensitive), "spec.userNameCase"),

	moment("spec.validity.notBefore"),
	moment("spec.validity.notAfter"),
	limit{field: "spec.validity", covers: []string{"minProperties"}}.
		accept(map[string]any{"notAfter": "2027-01-01T00:00:00Z"}).
		accept(map[string]any{"notBefore": "2026-01-01T00:00:00Z"}).
		refuse(map[string]any{}, "should have at least 1 properties"),

	oneOf(words(licensing.SeatPerUser, licensing.SeatPerClientHost, licensing.SeatPerClientIP, licensing.SeatPerModule), "spec.sharing.seatPer[]"),
	unique("spec.sharing.seatPer", "ClientIP"),
	limit{field: "spec.sharing.seatPer", covers: []string{"minItems", "maxItems"}}.
		accept([]any{"User", "ClientHost", "ClientIP", "Module"}).
		refuse([]any{"User", "ClientHost", "ClientIP", "Module", "User"}, "must have at most 4 items").
		alongside("Duplicate value").
		refuse([]any{}, "should have at least 1 items"),
	list("spec.sharing.moduleGroups", 0, 16, func(i int) any { return []any{moduleName(i)} }),
	list("spec.sharing.moduleGroups[]", 1, 32, moduleName),
	unique("spec.sharing.moduleGroups[]", "Web"),
	text("spec.sharing.moduleGroups[][]", 1, 63),

	number("spec.sessions.idleTimeoutSeconds", 60, 604_800,
		set("spec.sessions.prompt.leadSeconds", 5), set("spec.sessions.unsavedWorkTimeoutSeconds", 2_592_000)),
	number("spec.sessions.unsavedWorkTimeoutSeconds", 60, 2_592_000,
		set("spec.sessions.prompt.leadSeconds", 5), set("spec.sessions.idleTimeoutSeconds", 60)).
		alongside("unsavedWorkTimeoutSeconds must be at least idleTimeoutSeconds"),
	number("spec.sessions.prompt.leadSeconds", 5, 3600, set("spec.sessions.idleTimeoutSeconds", 7200)),
	list("spec.sessions.prompt.modules", 1, 32, moduleName),
	unique("spec.sessions.prompt.modules", "Web"),
	text("spec.sessions.prompt.modules[]", 1, 63),
	number("spec.sessions.heartbeatIntervalSeconds", 5, 3600, set("spec.sessions.lostAfterSeconds", 604_800)),
	number("spec.sessions.lostAfterSeconds", 10, 604_800, set("spec.sessions.heartbeatIntervalSeconds", 5)).
		alongside("lostAfterSeconds must be at least twice heartbeatIntervalSeconds"),
	number("spec.sessions.maxLifetimeSeconds", 60, 31_536_000),
	required("spec.sessions.maxPerUser.sessions"),
	number("spec.sessions.maxPerUser.sessions", 1, 10_000),
	oneOf(words(licensing.LimitDeny, licensing.LimitTerminateOldest), "spec.sessions.maxPerUser.whenExceeded"),
	oneOf(words(licensing.ClientIPCheckEnforced, licensing.ClientIPCheckIgnored), "spec.sessions.clientIPCheck"),
	oneOf(words(licensing.ExitKeepSession, licensing.ExitEndSession), "spec.sessions.onClientExit"),
	number("spec.sessions.retentionSeconds", 0, 2_592_000),

	oneOf(words(licensing.ModelNamed, licensing.ModelConcurrent, licensing.ModelCombined), "status.model"),
	required("status.expiryHold.sinceTime"),
	moment("status.expiryHold.sinceTime"),
	moment("status.expiryHold.releasedTime"),
	required("status.grants.term"),
	text("status.grants.term", 1, 64),
	list("status.grants.intents", 0, 2000, func(i int) any {
		return map[string]any{"kind": "UserSession", "name": fmt.Sprintf("session-%d", i), "uid": "1b9d", "seat": "Concurrent"}
	}),
	oneOf([]string{"UserSession", "LicenseAccount"}, "status.grants.intents[].kind"),
	required("status.grants.intents[].kind"),
	required("status.grants.intents[].name"),
	text("status.grants.intents[].name", 1, 253),
	required("status.grants.intents[].uid"),
	text("status.grants.intents[].uid", 1, 64),
	required("status.grants.intents[].seat"),
	oneOf(words(licensing.SeatNamed, licensing.SeatConcurrent, licensing.SeatUncounted), "status.grants.intents[].seat"),
	text("status.grants.intents[].connection", 0, 64),
}, seatRowLimits(), conditionsLimits())

// seatRowLimits: a row of the A4 table is whole or absent, and no number in it is negative.
func seatRowLimits() []limit {
	limits := []limit{required("status.table.named"), required("status.table.concurrent")}
	for _, model := range []string{"named", "concurrent"} {
		for _, column := range []string{"licensed", "used", "available", "accounts", "connected"} {
			count, cell := "status."+model+"."+column, "status.table."+model+"."+column
			limits = append(limits, required(count), natural(count), required(cell), text(cell, 1, 16))
		}
	}
	return limits
}

var _ = Describe("What a LicensePool may say (A2, A3, A4, A10, A11, B3, B5, B6, B8, C7)", func() {
	proveLimits("LicensePool", poolLimits)
})
