// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// entries is a map of n entries.
func entries(n int) map[string]any {
	m := map[string]any{}
	for i := range n {
		m[fmt.Sprintf("name-%d", i)] = "value"
	}
	return m
}

// What a session may say: the record of C1, and what the operator writes beside it (A7, B8, C5, C6).
var sessionLimits = slices.Concat([]limit{
	required("spec"),
	required("spec.poolRef"),
	required("spec.poolRef.name"),
	poolName("spec.poolRef.name"),
	required("spec.userName"),
	text("spec.userName", 1, 256),
	text("spec.userFullName", 0, 256),
	text("spec.module", 1, 63),
	oneOf(words(licensing.SessionTypeNotApplicable, licensing.SessionTypeInteractive), "spec.type"),
	oneOf(words(licensing.SessionTypeNotApplicable, licensing.SessionTypeBackgroundService, licensing.SessionTypeWebServices), "spec.type",
		set("spec.client.mode", "NotApplicable")),
	text("spec.client.hostName", 0, 253),
	limit{field: "spec.client.ip", covers: []string{"maxLength"}}.
		accept("2001:0db8:0000:0000:0000:0000:0000:0001").
		refuse(strings.Repeat("1", 46), "may not be more than 45 bytes"),
	text("spec.client.userName", 0, 256),
	oneOf(words(licensing.ClientModeDesktop, licensing.ClientModeVoice, licensing.ClientModeHandheld, licensing.ClientModeCE), "spec.client.mode"),
	oneOf(words(licensing.ClientModeNotApplicable), "spec.client.mode", set("spec.type", "WebServices")),
	text("spec.client.userAgent", 0, 1024),
	list("spec.applications", 0, 64, func(i int) any { return fmt.Sprintf("application-%d", i) }),
	text("spec.applications[]", 0, 128),
	limit{field: "spec.sessionAttributes", covers: []string{"maxProperties"}}.
		accept(entries(64)).
		refuse(entries(65), "must have at most 64 items"),
	text("spec.sessionAttributes{}", 0, 1024),
	limit{field: "spec.extraAttributes", covers: []string{"maxLength"}}.
		accept(jsonOf(32768, "x")).
		refuse(jsonOf(32769, "x"), "may not be more than 32768 bytes"),
	text("spec.createdBy", 0, 256),
	text("spec.instanceName", 0, 253),
	number("spec.maxWaitSeconds", 0, 86_400),
	oneOf(words(licensing.RequesterUser, licensing.RequesterAdministrator, licensing.RequesterSystem), "spec.termination.requestedBy"),
	text("spec.termination.message", 0, 1024),

	oneOf(words(licensing.SessionPending, licensing.SessionActive, licensing.SessionDenied), "status.state"),
	oneOf(words(licensing.SessionTerminated), "status.state", set("status.terminationAction", licensing.ExpiredSessionTerminated)),
	oneOf(words(licensing.SeatNamed, licensing.SeatConcurrent, licensing.SeatUncounted), "status.seat"),
	text("status.connection", 0, 64),
	moment("status.logonTime"),
	moment("status.lastActivityTime"),
	moment("status.lastHeartbeatTime"),
	moment("status.timeoutTime"),
	natural("status.durationSeconds"),
	moment("status.waitUntilTime"),
	moment("status.terminatedTime"),
	text("status.arrivalRevision", 0, 64),
	text("status.poolUID", 0, 64),
	text("status.heardBy", 0, 253),
	list("status.applications", 0, 64, func(i int) any { return fmt.Sprintf("application-%d", i) }),
	text("status.applications[]", 0, 128),
	limit{field: "status.sessionAttributes", covers: []string{"maxProperties"}}.
		accept(entries(64)).
		refuse(entries(65), "must have at most 64 items"),
	text("status.sessionAttributes{}", 0, 1024),
	natural("status.sessionAttributeCount"),
	oneOf(words(licensing.NotTerminated, licensing.RequestedByUser, licensing.RequestedByAdministrator, licensing.OldestSessionTerminated,
		licensing.ExpiredSessionTerminated, licensing.TerminatedBySystem), "status.terminationAction"),
	text("status.message", 0, 2048),
}, conditionsLimits())

// jsonOf is a JSON object of n characters, filled with one.
func jsonOf(n int, filling string) string {
	const begin, end = "{\"a\":\"", "\"}"
	return begin + strings.Repeat(filling, n-len(begin)-len(end)) + end
}

var _ = Describe("What a UserSession may say (A1, A7, A12, C1, C5)", func() {
	proveLimits("UserSession", sessionLimits)
})
