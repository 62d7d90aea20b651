// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// proven lists, by kind, what the tables of this suite prove of its schema.
var proven = map[string][]constraint{
	"LicensePool":    slices.Concat(covered("LicensePool", poolLimits), ruled(poolRules), defaulted("LicensePool", poolDefaults)),
	"LicenseAccount": slices.Concat(covered("LicenseAccount", accountLimits), ruled(accountRules), defaulted("LicenseAccount", accountDefaults)),
	"LicenseUsage":   slices.Concat(covered("LicenseUsage", usageLimits), ruled(usageRules), defaulted("LicenseUsage", nil)),
	"UserSession": slices.Concat(covered("UserSession", sessionLimits), ruled(sessionRules), ruled(sessionTransitions),
		defaulted("UserSession", sessionDefaults), factRules(), terminationRules),
}

var _ = Describe("This suite", func() {
	for kind := range crds {
		It("proves every limit, default and rule of "+kind, func() {
			Expect(without(constraintsOf(kind), proven[kind])).To(BeEmpty(), "no test proves these")
		})

		It("proves nothing of "+kind+" that its schema no longer has", func() {
			Expect(without(proven[kind], constraintsOf(kind))).To(BeEmpty(), "tests claim to prove these")
		})

		It("knows an object of "+kind+" that states every field", func() {
			object := full(kind).Object
			for _, field := range append(fieldsOf(kind, "spec"), fieldsOf(kind, "status")...) {
				_, found := value(object, field)
				Expect(found).To(BeTrue(), "%s is not stated", field)
			}
		})
	}
})

// without lists what is in all but not in some, as text.
func without(all, some []constraint) []string {
	var left []string
	for _, c := range all {
		if !slices.Contains(some, c) {
			left = append(left, c.String())
		}
	}
	return left
}
