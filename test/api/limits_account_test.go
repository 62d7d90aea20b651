// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// What an account may say: who is known to which pool, under which model (A3, A4).
var accountLimits = slices.Concat([]limit{
	required("spec"),
	required("spec.poolRef"),
	required("spec.poolRef.name"),
	poolName("spec.poolRef.name"),
	required("spec.userName"),
	text("spec.userName", 1, 256),
	text("spec.userFullName", 0, 256),
	oneOf(words(licensing.AccountNamed, licensing.AccountConcurrent), "spec.type"),
	list("spec.groups", 0, 64, func(i int) any { return fmt.Sprintf("group-%d", i) }),
	unique("spec.groups", "staff"),
	text("spec.groups[]", 1, 256),

	text("status.arrivalRevision", 0, 64),
	text("status.poolUID", 0, 64),
}, conditionsLimits())

var _ = Describe("What a LicenseAccount may say (A3, A4)", func() {
	proveLimits("LicenseAccount", accountLimits)
})
