// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LicenseUsageSpec says whose history it is.
// +kubebuilder:validation:XValidation:rule="self.poolRef == oldSelf.poolRef",message="poolRef may not change; a history belongs to one pool"
type LicenseUsageSpec struct {
	// poolRef names the pool, in the same namespace. It is also the name that the operator gives the object. It may not change.
	// +required
	PoolRef PoolReference `json:"poolRef,omitzero"`
}

// ModelUsage is how much of one model was used.
type ModelUsage struct {
	// connected is the number of connections open at throughTime.
	// +required
	// +kubebuilder:validation:Minimum=0
	Connected *int32 `json:"connected,omitempty"`

	// licensed is the number of seats that the operator went by at throughTime.
	// +required
	// +kubebuilder:validation:Minimum=0
	Licensed *int32 `json:"licensed,omitempty"`

	// peakToday is the most connections open at once since midnight, UTC, before throughTime.
	// +required
	// +kubebuilder:validation:Minimum=0
	PeakToday *int32 `json:"peakToday,omitempty"`

	// peak30Days is the most connections open at once on the day of throughTime and the 29 days before it, UTC.
	// +required
	// +kubebuilder:validation:Minimum=0
	Peak30Days *int32 `json:"peak30Days,omitempty"`

	// dormantAccounts is the number of named accounts that hold a seat and did not sign in for 90 days. An account, and a history, that is younger than that says nothing.
	// Only of the named model.
	// +optional
	// +kubebuilder:validation:Minimum=0
	DormantAccounts *int32 `json:"dormantAccounts,omitempty"`
}

// DenialCounts are the logins that were denied.
type DenialCounts struct {
	// denied is the number of denials.
	// +required
	// +kubebuilder:validation:Minimum=0
	Denied *int32 `json:"denied,omitempty"`

	// trueDenials is the number of those after which the user neither was granted a seat nor was denied again within five minutes.
	// +required
	// +kubebuilder:validation:Minimum=0
	TrueDenials *int32 `json:"trueDenials,omitempty"`
}

// PeakTable is the peaks of 30 days as kubectl prints them.
type PeakTable struct {
	// named is the named model's peak and its seats, as "7 of 25"; N/A where the pool lacks the model.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Named string `json:"named,omitempty"`

	// concurrent is the concurrent model's peak and its seats, as "31 of 50"; N/A where the pool lacks the model.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Concurrent string `json:"concurrent,omitempty"`
}

// LicenseUsageStatus is the history of a pool's use (A5, A6). The operator writes it at most once a minute.
type LicenseUsageStatus struct {
	// sinceTime is when the history began.
	// +optional
	SinceTime *metav1.Time `json:"sinceTime,omitempty"`

	// throughTime is up to when the history tells what happened. Later on nothing is known yet.
	// +optional
	ThroughTime *metav1.Time `json:"throughTime,omitempty"`

	// named is how much of the named model was used; absent where the pool lacks the model.
	// +optional
	Named *ModelUsage `json:"named,omitempty"`

	// concurrent is how much of the concurrent model was used; absent where the pool lacks the model.
	// +optional
	Concurrent *ModelUsage `json:"concurrent,omitempty"`

	// denials30Days are the logins denied on the day of throughTime and the 29 days before it, UTC.
	// +optional
	Denials30Days *DenialCounts `json:"denials30Days,omitempty"`

	// peaks are the peaks of 30 days as text, for printing.
	// +optional
	Peaks *PeakTable `json:"peaks,omitempty"`

	// lateTransitions is the number of logins and ends that the operator learnt of so late that they are counted later than they happened.
	// +optional
	// +kubebuilder:validation:Minimum=0
	LateTransitions *int32 `json:"lateTransitions,omitempty"`

	// history is the whole history: connections over time per model, licensed seats, denials by reason. It is packed, for programs: `kubectl seats usage` shows it.
	// At most 100 KiB.
	// +optional
	// +kubebuilder:validation:MaxLength=102400
	History string `json:"history,omitempty"`
}

// LicenseUsage is the history of a pool's use: connections over time, and how many logins were denied. It bears its pool's name, and is kept when the pool is deleted.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=lusage;lusages,categories={seatkeeper}
// +kubebuilder:printcolumn:name="Named peak",type=string,JSONPath=`.status.peaks.named`,description="The most connections of named accounts at once in 30 days"
// +kubebuilder:printcolumn:name="Concurrent peak",type=string,JSONPath=`.status.peaks.concurrent`,description="The most concurrent connections at once in 30 days"
// +kubebuilder:printcolumn:name="Denied",type=integer,JSONPath=`.status.denials30Days.denied`,description="Logins denied in 30 days"
// +kubebuilder:printcolumn:name="True denials",type=integer,JSONPath=`.status.denials30Days.trueDenials`,description="Those after which the user did not get in within five minutes"
// +kubebuilder:printcolumn:name="Dormant",type=integer,priority=1,JSONPath=`.status.named.dormantAccounts`,description="Named accounts that did not sign in for 90 days"
// +kubebuilder:printcolumn:name="Since",type=date,JSONPath=`.status.sinceTime`,description="How long the history is"
// +kubebuilder:printcolumn:name="Through",type=date,JSONPath=`.status.throughTime`,description="How long ago it ends"
type LicenseUsage struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec says whose history it is.
	// +required
	Spec LicenseUsageSpec `json:"spec,omitzero"`

	// status is the history.
	// +optional
	Status LicenseUsageStatus `json:"status,omitzero"`
}

// LicenseUsageList is a list of LicenseUsages.
//
// +kubebuilder:object:root=true
type LicenseUsageList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LicenseUsage `json:"items"`
}
