// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// LabelEnrolled marks accounts that the operator made at a user's first login.
const LabelEnrolled = "licensing.seatkeeper.dev/enrolled"

// AnnotationReleaseExpiry on a LicensePool releases its ExpiryHeld condition: its value is a time (RFC 3339), and what began before it is released.
const AnnotationReleaseExpiry = "licensing.seatkeeper.dev/release-expiry"
