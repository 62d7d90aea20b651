// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
)

var accountRules = ruleSet{"LicenseAccount", slices.Concat(userNameRules, []rule{
	poolRefRule,
	oneLine("spec.userFullName", "userFullName must not contain control characters"),
	{
		field: "spec", sentence: "poolRef may not change; make another account",
		accepts: []trial{given().writing("another type of the same account", set("spec.type", "Named"))},
		refuses: []trial{given().writing("another pool", set("spec.poolRef.name", "q"))},
	},
	{
		field: "spec", sentence: "userName may not change; make another account",
		accepts: []trial{
			given().writing("another full name", set("spec.userFullName", "Ann Example")),
			given().writing("the account disabled", set("spec.disabled", true)),
			given(set("spec.disabled", true)).writing("the account enabled again", unset("spec.disabled")),
			given().writing("other groups", set("spec.groups", []string{"staff"})),
		},
		refuses: []trial{
			given().writing("another user", set("spec.userName", "bob")),
			given().writing("the same user in other letters", set("spec.userName", "Ann")),
		},
	},
})}

var _ = Describe("The rules of a LicenseAccount (A3)", func() {
	proveRules(accountRules)
})
