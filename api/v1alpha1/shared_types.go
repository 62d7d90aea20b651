// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// PoolReference names a LicensePool in the object's own namespace.
type PoolReference struct {
	// name is the LicensePool's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="poolRef.name must be a name that a LicensePool can have: lower case letters, digits, '-' and '.', first and last a letter or digit"
	Name string `json:"name,omitempty"`
}

// SeatType says what a session's seat is counted against.
// +enum
// +kubebuilder:validation:Enum=Named;Concurrent;Uncounted
type SeatType string

const (
	// SeatNamed is the seat that a named account holds for as long as it exists.
	SeatNamed SeatType = "Named"
	// SeatConcurrent is a seat shared by whoever comes first.
	SeatConcurrent SeatType = "Concurrent"
	// SeatUncounted is no seat: a system login is never counted against a license (C4).
	SeatUncounted SeatType = "Uncounted"
)
