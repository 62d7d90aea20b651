// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
)

// What a history may say: connections and licensed seats over time, denials (A5, A6).
var usageLimits = slices.Concat([]limit{
	required("spec"),
	required("spec.poolRef"),
	required("spec.poolRef.name"),
	poolName("spec.poolRef.name"),

	moment("status.sinceTime"),
	moment("status.throughTime"),
	required("status.denials30Days.denied"),
	natural("status.denials30Days.denied"),
	required("status.denials30Days.trueDenials"),
	natural("status.denials30Days.trueDenials"),
	required("status.peaks.named"),
	text("status.peaks.named", 1, 32),
	required("status.peaks.concurrent"),
	text("status.peaks.concurrent", 1, 32),
	natural("status.lateTransitions"),
	text("status.history", 0, 102_400),
}, modelUsageLimits())

// modelUsageLimits: a model's numbers are whole or absent, and none is negative.
func modelUsageLimits() []limit {
	var limits []limit
	for _, model := range []string{"named", "concurrent"} {
		for _, number := range []string{"connected", "licensed", "peakToday", "peak30Days"} {
			limits = append(limits, required("status."+model+"."+number), natural("status."+model+"."+number))
		}
		limits = append(limits, natural("status."+model+".dormantAccounts"))
	}
	return limits
}

var _ = Describe("What a LicenseUsage may say (A5, A6)", func() {
	proveLimits("LicenseUsage", usageLimits)
})
