// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// LabelEnrolled marks accounts that the operator made at a user's first login.
const LabelEnrolled = "licensing.seatkeeper.dev/enrolled"
