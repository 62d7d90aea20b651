// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// SeatCounts is the A4 table's row of one model.
type SeatCounts struct {
	// licensed is the number of seats bought.
	// +required
	// +kubebuilder:validation:Minimum=0
	Licensed *int32 `json:"licensed,omitempty"`

	// used is the number of seats taken. Named: by accounts that hold one; concurrent: by live connections.
	// +required
	// +kubebuilder:validation:Minimum=0
	Used *int32 `json:"used,omitempty"`

	// available is what is left: licensed less used, never negative.
	// +required
	// +kubebuilder:validation:Minimum=0
	Available *int32 `json:"available,omitempty"`

	// accounts is the number of accounts of this type that exist, those without a seat included.
	// +required
	// +kubebuilder:validation:Minimum=0
	Accounts *int32 `json:"accounts,omitempty"`

	// connected is the number of live connections.
	// +required
	// +kubebuilder:validation:Minimum=0
	Connected *int32 `json:"connected,omitempty"`
}

// SeatCells is the A4 table's row of one model as people read it: N/A where the pool lacks the model.
type SeatCells struct {
	// licensed as text, or N/A.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	Licensed string `json:"licensed,omitempty"`
	// used as text, or N/A.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	Used string `json:"used,omitempty"`
	// available as text, or N/A.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	Available string `json:"available,omitempty"`
	// accounts as text, or N/A.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	Accounts string `json:"accounts,omitempty"`
	// connected as text, or N/A.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=16
	Connected string `json:"connected,omitempty"`
}

// SeatTable is the A4 table as kubectl prints it.
type SeatTable struct {
	// named is the named model's row.
	// +required
	Named SeatCells `json:"named,omitzero"`
	// concurrent is the concurrent model's row.
	// +required
	Concurrent SeatCells `json:"concurrent,omitzero"`
}

// GrantIntent is a seat given but perhaps not yet written to its holder. It counts as taken.
type GrantIntent struct {
	// kind is what the seat was given to.
	// +required
	// +kubebuilder:validation:Enum=UserSession;LicenseAccount
	Kind string `json:"kind,omitempty"`
	// name is the object's name.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name,omitempty"`
	// uid is the object's uid: a namesake made later has no claim.
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	UID types.UID `json:"uid,omitempty"`
	// seat is the type of the seat.
	// +required
	Seat SeatType `json:"seat,omitempty"`
	// connection is the connection that a session joins or opens.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Connection string `json:"connection,omitempty"`
}

// GrantLog is the write-ahead log of the fenced grant: the operator's own, nobody else writes it.
type GrantLog struct {
	// term is the fencing token of the manager that grants from this pool: a fresh random value each time a manager begins to.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	Term string `json:"term,omitempty"`
	// sessionsFenced is true once the sessions that an earlier pool of this name may have intended to grant were written anew,
	// so that no late write of that pool's managers can succeed.
	// +optional
	SessionsFenced bool `json:"sessionsFenced,omitempty"`
	// intents are the seats given since the last write; at most 2,000.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=2000
	Intents []GrantIntent `json:"intents,omitempty"`
}

// ExpiryHold is a time in which sessions whose clients are missing do not end.
type ExpiryHold struct {
	// sinceTime is when it began.
	// +required
	SinceTime *metav1.Time `json:"sinceTime,omitempty"`
	// releasedTime is when it ended; absent: it lasts.
	// +optional
	ReleasedTime *metav1.Time `json:"releasedTime,omitempty"`
}

// LicensePoolStatus is what is used of a pool.
type LicensePoolStatus struct {
	// conditions are Ready (the operator acts on this generation), SeatsAvailable, InForce and ExpiryHeld.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that the counts were computed with.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// model is the licensing model.
	// +optional
	Model LicensingModel `json:"model,omitempty"`

	// named is the named model's row of the A4 table; absent where the pool lacks the model.
	// +optional
	Named *SeatCounts `json:"named,omitempty"`

	// concurrent is the concurrent model's row of the A4 table; absent where the pool lacks the model.
	// +optional
	Concurrent *SeatCounts `json:"concurrent,omitempty"`

	// table is the same as text, for printing: N/A for a model that the pool lacks.
	// +optional
	Table *SeatTable `json:"table,omitempty"`

	// expiryHold is the last time that sessions of missing clients were held, since most of the pool's clients fell silent at once; absent: never.
	// +optional
	ExpiryHold *ExpiryHold `json:"expiryHold,omitempty"`

	// grants is the write-ahead log of grants.
	// +optional
	Grants *GrantLog `json:"grants,omitempty"`
}
