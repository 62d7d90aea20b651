// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	. "github.com/onsi/ginkgo/v2"
)

var usageRules = ruleSet{"LicenseUsage", []rule{
	poolRefRule,
	{
		field: "spec", sentence: "poolRef may not change; a history belongs to one pool",
		accepts: []trial{given().writing("the same pool, and more history", set("status.lateTransitions", 1))},
		refuses: []trial{given().writing("another pool", set("spec.poolRef.name", "q"))},
	},
}}

var _ = Describe("The rules of a LicenseUsage (A5)", func() {
	proveRules(usageRules)
})
