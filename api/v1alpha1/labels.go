// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// LabelEnrolled marks accounts that the operator made at a user's first login.
const LabelEnrolled = "licensing.seatkeeper.dev/enrolled"

// AnnotationReleaseExpiry on a LicensePool releases its ExpiryHeld condition: its value is a time (RFC 3339), and what began before it is released.
const AnnotationReleaseExpiry = "licensing.seatkeeper.dev/release-expiry"

// AnnotationHeardBy on a UserSession is the gateway replica that signed its user in: the grant then counts as the client's first heartbeat, heard by that replica.
const AnnotationHeardBy = "licensing.seatkeeper.dev/heard-by"

// AnnotationLoginDigest on a UserSession is a digest of the login that made it, by which a gateway tells another login under the same Idempotency-Key.
const AnnotationLoginDigest = "licensing.seatkeeper.dev/login-digest"

// LabelReplica marks the Leases by which replicas say that they are alive and what they have written down.
const LabelReplica = "licensing.seatkeeper.dev/replica"
