// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AccountType is the model that an account is known under.
// +enum
// +kubebuilder:validation:Enum=Named;Concurrent
type AccountType string

const (
	// AccountNamed accounts hold a named seat from their creation while seats last.
	AccountNamed AccountType = "Named"
	// AccountConcurrent accounts take a concurrent seat while they are signed on.
	AccountConcurrent AccountType = "Concurrent"
)

// LicenseAccountSpec is a person or service known to a pool.
// +kubebuilder:validation:XValidation:rule="self.poolRef == oldSelf.poolRef",message="poolRef may not change; make another account"
// +kubebuilder:validation:XValidation:rule="self.userName == oldSelf.userName",message="userName may not change; make another account"
type LicenseAccountSpec struct {
	// poolRef names the pool, in the same namespace. It may not change.
	// +required
	PoolRef PoolReference `json:"poolRef,omitzero"`

	// userName is the user's sign-in name, free text of at most 256 characters (CORP\ann, ann@example.com), none of them invisible. It may not change.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.trim() == self",message="userName must not begin or end with white space"
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[\p{Cc}\p{Cf}]')`,message="userName must not contain control or invisible characters"
	UserName string `json:"userName,omitempty"`

	// userFullName is the user's name as people know it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="userFullName must not contain control characters"
	UserFullName string `json:"userFullName,omitempty"`

	// type is Named or Concurrent; default Concurrent.
	// +optional
	// +kubebuilder:default=Concurrent
	Type AccountType `json:"type,omitempty"`

	// groups are the user's groups, for reports; at most 64.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	Groups []string `json:"groups,omitempty"`

	// disabled denies the user's logins (reason AccountDisabled). Live sessions stay, and a named account keeps its seat. Default false.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
}

// LicenseAccountStatus says whether the account may take a seat.
type LicenseAccountStatus struct {
	// conditions are Licensed alone: whether the account may take a seat, or why not.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// poolUID is the uid of the pool that took over the account from an earlier pool of the same name.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PoolUID string `json:"poolUID,omitempty"`

	// arrivalRevision is the API server's revision at which the operator first saw the account: of two made in one second, the lower came first.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ArrivalRevision string `json:"arrivalRevision,omitempty"`
}

// LicenseAccount is a person or service known to a pool, under the named or the concurrent model.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=laccount;laccounts,categories={seatkeeper}
// +kubebuilder:selectablefield:JSONPath=`.spec.poolRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.userName`
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.userName`
// +kubebuilder:printcolumn:name="Full name",type=string,JSONPath=`.spec.userFullName`
// +kubebuilder:printcolumn:name="Pool",type=string,JSONPath=`.spec.poolRef.name`
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Licensed",type=string,JSONPath=`.status.conditions[?(@.type=="Licensed")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Licensed")].reason`
// +kubebuilder:printcolumn:name="Disabled",type=boolean,priority=1,JSONPath=`.spec.disabled`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LicenseAccount struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is who the account is for.
	// +required
	Spec LicenseAccountSpec `json:"spec,omitzero"`

	// status says whether the account may take a seat.
	// +optional
	Status LicenseAccountStatus `json:"status,omitzero"`
}

// LicenseAccountList is a list of LicenseAccounts.
//
// +kubebuilder:object:root=true
type LicenseAccountList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LicenseAccount `json:"items"`
}
