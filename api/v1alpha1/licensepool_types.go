// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LicensingModel is how the seats of a pool were bought (A3); it follows from which seats the spec states.
// +enum
// +kubebuilder:validation:Enum=Named;Concurrent;Combined
type LicensingModel string

const (
	// ModelNamed pools have named seats only.
	ModelNamed LicensingModel = "Named"
	// ModelConcurrent pools have concurrent seats only.
	ModelConcurrent LicensingModel = "Concurrent"
	// ModelCombined pools have both.
	ModelCombined LicensingModel = "Combined"
)

// Enrollment says what becomes of a user whom the pool has no account for.
// +enum
// +kubebuilder:validation:Enum=Open;AccountsOnly
type Enrollment string

const (
	// EnrollmentOpen makes an unknown user a concurrent account at the first login that gets a seat.
	EnrollmentOpen Enrollment = "Open"
	// EnrollmentAccountsOnly denies unknown users (reason AccountRequired).
	EnrollmentAccountsOnly Enrollment = "AccountsOnly"
)

// UserNameCase says how user names are compared.
// +enum
// +kubebuilder:validation:Enum=Insensitive;Sensitive
type UserNameCase string

const (
	// UserNameCaseInsensitive takes CORP\Ann and corp\ann for one user.
	UserNameCaseInsensitive UserNameCase = "Insensitive"
	// UserNameCaseSensitive takes them for two.
	UserNameCaseSensitive UserNameCase = "Sensitive"
)

// SeatDimension is one thing that tells connections of a pool apart.
// +enum
// +kubebuilder:validation:Enum=User;ClientHost;ClientIP;Module
type SeatDimension string

const (
	// SeatPerUser tells connections apart by user; it always applies, listed or not.
	SeatPerUser SeatDimension = "User"
	// SeatPerClientHost gives a user a seat for each client host name.
	SeatPerClientHost SeatDimension = "ClientHost"
	// SeatPerClientIP gives a user a seat for each client address.
	SeatPerClientIP SeatDimension = "ClientIP"
	// SeatPerModule gives a user a seat for each module (or group of modules, where groups are stated).
	SeatPerModule SeatDimension = "Module"
)

// LimitAction says what a login past a user's limit leads to.
// +enum
// +kubebuilder:validation:Enum=Deny;TerminateOldest
type LimitAction string

const (
	// LimitDeny denies the new login (reason UserLimitReached).
	LimitDeny LimitAction = "Deny"
	// LimitTerminateOldest ends the user's oldest session in favour of the new one.
	LimitTerminateOldest LimitAction = "TerminateOldest"
)

// ClientIPCheck says whether a session may be used from another address than the one it began at (B5).
// +enum
// +kubebuilder:validation:Enum=Enforced;Ignored
type ClientIPCheck string

const (
	// ClientIPCheckEnforced refuses a session's use from another address.
	ClientIPCheckEnforced ClientIPCheck = "Enforced"
	// ClientIPCheckIgnored allows it, for clients whose address changes.
	ClientIPCheckIgnored ClientIPCheck = "Ignored"
)

// ExitAction says what closing a client does to its session (B6).
// +enum
// +kubebuilder:validation:Enum=KeepSession;EndSession
type ExitAction string

const (
	// ExitKeepSession keeps session and seat until it idles out; the client resumes it when it returns.
	ExitKeepSession ExitAction = "KeepSession"
	// ExitEndSession ends the session.
	ExitEndSession ExitAction = "EndSession"
)

// Seats is the number of seats bought under one model.
type Seats struct {
	// seats is how many were bought; 0 to 1,000,000.
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Seats *int32 `json:"seats,omitempty"`
}

// Validity bounds the time in which a pool grants seats.
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:XValidation:rule="!has(self.notBefore) || !has(self.notAfter) || self.notBefore < self.notAfter",message="notAfter must be later than notBefore"
type Validity struct {
	// notBefore is when the pool begins to grant; absent: it already does.
	// +optional
	NotBefore *metav1.Time `json:"notBefore,omitempty"`

	// notAfter is when the pool stops to grant; sessions that hold a seat then keep it. Absent: never.
	// +optional
	NotAfter *metav1.Time `json:"notAfter,omitempty"`
}

// Sharing says which live sessions of one user count as one connection, and so take one seat (A2).
// +kubebuilder:validation:XValidation:rule="!has(self.moduleGroups) || self.moduleGroups.all(g, g.all(m, self.moduleGroups.exists_one(h, m in h)))",message="each module must be listed in one of moduleGroups at the most"
type Sharing struct {
	// seatPer is what tells one user's connections apart. User always applies. Default: [User], all of a user's sessions share one seat. Not empty.
	// +optional
	// +listType=set
	// +kubebuilder:default={User}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	SeatPer []SeatDimension `json:"seatPer,omitempty"`

	// moduleGroups lists modules that share a seat with each other but not with those outside their group; a module in no group shares with none
	// but itself. Absent: all modules share, unless seatPer has Module. At most 16 groups of 32 modules.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	ModuleGroups []ModuleGroup `json:"moduleGroups,omitempty"`
}

// ModuleGroup is a group of modules that share a seat.
// +listType=set
// +kubebuilder:validation:MinItems=1
// +kubebuilder:validation:MaxItems=32
type ModuleGroup []ModuleName

// ModuleName is the name of a part of an application that users sign in to: Web, Mobile, Desktop, any name.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:XValidation:rule="self.trim() == self",message="a module's name must not begin or end with white space"
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="a module's name must not contain control characters"
type ModuleName string

// Prompt asks users of some modules whether to keep a session before it idles out (A11).
type Prompt struct {
	// leadSeconds is how long before the idle timeout the prompt appears; 5 to 3600, default 60.
	// +optional
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=3600
	LeadSeconds *int32 `json:"leadSeconds,omitempty"`

	// modules are those whose clients can show a prompt; sessions of others end without one; 1 to 32, default [Web].
	// +optional
	// +listType=set
	// +kubebuilder:default={Web}
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Modules []ModuleName `json:"modules,omitempty"`
}

// UserLimit bounds the live sessions that one user may have in a pool.
type UserLimit struct {
	// sessions is the most live sessions one user may have; 1 to 10,000. System logins do not count.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	Sessions int32 `json:"sessions,omitempty"`

	// whenExceeded is what a login past the limit leads to; default Deny.
	// +optional
	// +kubebuilder:default=Deny
	WhenExceeded LimitAction `json:"whenExceeded,omitempty"`
}

// SessionRules say how long sessions of a pool live and how they are used.
// +kubebuilder:validation:XValidation:rule="!has(self.unsavedWorkTimeoutSeconds) || has(self.idleTimeoutSeconds)",message="unsavedWorkTimeoutSeconds must come with idleTimeoutSeconds, which it extends"
// +kubebuilder:validation:XValidation:rule="!has(self.unsavedWorkTimeoutSeconds) || !has(self.idleTimeoutSeconds) || self.unsavedWorkTimeoutSeconds >= self.idleTimeoutSeconds",message="unsavedWorkTimeoutSeconds must be at least idleTimeoutSeconds"
// +kubebuilder:validation:XValidation:rule="!has(self.idleTimeoutSeconds) || !has(self.prompt) || !has(self.prompt.leadSeconds) || self.prompt.leadSeconds < self.idleTimeoutSeconds",message="prompt.leadSeconds must be shorter than idleTimeoutSeconds"
// +kubebuilder:validation:XValidation:rule="!has(self.lostAfterSeconds) || !has(self.heartbeatIntervalSeconds) || self.lostAfterSeconds >= 2 * self.heartbeatIntervalSeconds",message="lostAfterSeconds must be at least twice heartbeatIntervalSeconds"
type SessionRules struct {
	// idleTimeoutSeconds is how long a concurrent account's session may be idle before it ends (A10); 60 to 604800 (a week).
	// Absent: idle sessions are never ended. Named accounts' sessions never end this way.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=604800
	IdleTimeoutSeconds *int32 `json:"idleTimeoutSeconds,omitempty"`

	// unsavedWorkTimeoutSeconds is the longer idle period of clients that report unsaved work (B8); 60 to 2592000 (30 days).
	// Absent: unsaved work does not prolong a session.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=2592000
	UnsavedWorkTimeoutSeconds *int32 `json:"unsavedWorkTimeoutSeconds,omitempty"`

	// prompt asks the user before an idle session ends (A11); absent: none is asked.
	// +optional
	Prompt *Prompt `json:"prompt,omitempty"`

	// heartbeatIntervalSeconds is how often a client should be heard; 5 to 3600, default 30.
	// +optional
	// +kubebuilder:default=30
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=3600
	HeartbeatIntervalSeconds *int32 `json:"heartbeatIntervalSeconds,omitempty"`

	// lostAfterSeconds is how long a client that sent heartbeats may be silent before its session ends, whatever its seat;
	// 10 to 604800, default 600. When it is lowered, nobody is taken for lost before two heartbeats of the longer interval have passed.
	// +optional
	// +kubebuilder:default=600
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=604800
	LostAfterSeconds *int32 `json:"lostAfterSeconds,omitempty"`

	// maxLifetimeSeconds ends a session that long after its logon, in use or not; 60 to 31536000 (a year). Absent: no bound.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=31536000
	MaxLifetimeSeconds *int32 `json:"maxLifetimeSeconds,omitempty"`

	// maxPerUser bounds the live sessions of one user; absent: no bound.
	// +optional
	MaxPerUser *UserLimit `json:"maxPerUser,omitempty"`

	// clientIPCheck says whether a session may be used from another address than its own (B5); default Ignored.
	// +optional
	// +kubebuilder:default=Ignored
	ClientIPCheck ClientIPCheck `json:"clientIPCheck,omitempty"`

	// onClientExit says what closing the client does to its session (B6); default KeepSession.
	// +optional
	// +kubebuilder:default=KeepSession
	OnClientExit ExitAction `json:"onClientExit,omitempty"`

	// retentionSeconds is how long the record of an ended or denied session stays (C7); 0 to 2592000 (30 days), default 3600.
	// +optional
	// +kubebuilder:default=3600
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2592000
	RetentionSeconds *int32 `json:"retentionSeconds,omitempty"`
}

// LicensePoolSpec is what was bought, and the rules of its use.
// +kubebuilder:validation:XValidation:rule="has(self.named) || has(self.concurrent)",message="at least one of named and concurrent must be stated"
type LicensePoolSpec struct {
	// displayName is the product's name as people know it.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	DisplayName string `json:"displayName,omitempty"`

	// named is what was bought under the named model, a seat an account; absent: the pool lacks that model.
	// +optional
	Named *Seats `json:"named,omitempty"`

	// concurrent is what was bought under the concurrent model, a seat a connection; absent: the pool lacks that model.
	// +optional
	Concurrent *Seats `json:"concurrent,omitempty"`

	// enrollment says what becomes of a user without an account; default Open.
	// +optional
	// +kubebuilder:default=Open
	Enrollment Enrollment `json:"enrollment,omitempty"`

	// userNameCase says how user names are compared; default Insensitive.
	// +optional
	// +kubebuilder:default=Insensitive
	UserNameCase UserNameCase `json:"userNameCase,omitempty"`

	// validity bounds the time in which seats are granted; absent: always.
	// +optional
	Validity *Validity `json:"validity,omitempty"`

	// sharing says which sessions of a user share a seat; default: all of them.
	// +optional
	// +kubebuilder:default={seatPer: {User}}
	Sharing *Sharing `json:"sharing,omitempty"`

	// sessions says how long sessions live and how they are used.
	// +optional
	// +kubebuilder:default={heartbeatIntervalSeconds: 30}
	Sessions *SessionRules `json:"sessions,omitempty"`
}

// LicensePool states what was bought of one product and shows how much of it is used.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pool;pools,categories={seatkeeper},singular=licensepool
// +kubebuilder:printcolumn:name="Model",type=string,JSONPath=`.status.model`
// +kubebuilder:printcolumn:name="Named",type=string,JSONPath=`.status.table.named.licensed`,description="Named seats bought"
// +kubebuilder:printcolumn:name="Used",type=string,JSONPath=`.status.table.named.used`,description="Named seats taken by accounts"
// +kubebuilder:printcolumn:name="Available",type=string,JSONPath=`.status.table.named.available`,description="Named seats left"
// +kubebuilder:printcolumn:name="Named accounts",type=string,priority=1,JSONPath=`.status.table.named.accounts`,description="Named accounts that exist"
// +kubebuilder:printcolumn:name="Named connected",type=string,priority=1,JSONPath=`.status.table.named.connected`,description="Live connections of named accounts"
// +kubebuilder:printcolumn:name="Concurrent",type=string,JSONPath=`.status.table.concurrent.licensed`,description="Concurrent seats bought"
// +kubebuilder:printcolumn:name="Used",type=string,JSONPath=`.status.table.concurrent.used`,description="Concurrent seats taken by live connections"
// +kubebuilder:printcolumn:name="Available",type=string,JSONPath=`.status.table.concurrent.available`,description="Concurrent seats left"
// +kubebuilder:printcolumn:name="Concurrent accounts",type=string,priority=1,JSONPath=`.status.table.concurrent.accounts`,description="Concurrent accounts that exist"
// +kubebuilder:printcolumn:name="Concurrent connected",type=string,priority=1,JSONPath=`.status.table.concurrent.connected`,description="Live connections of concurrent accounts"
// +kubebuilder:printcolumn:name="Seats",type=string,JSONPath=`.status.conditions[?(@.type=="SeatsAvailable")].reason`
// +kubebuilder:printcolumn:name="In force",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="InForce")].status`
// +kubebuilder:printcolumn:name="Product",type=string,priority=1,JSONPath=`.spec.displayName`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type LicensePool struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is what was bought, and the rules of its use.
	// +required
	Spec LicensePoolSpec `json:"spec,omitzero"` //nolint:kubeapilinter // it need not count properties: a rule demands a model

	// status is what is used.
	// +optional
	Status LicensePoolStatus `json:"status,omitzero"`
}

// LicensePoolList is a list of LicensePools.
//
// +kubebuilder:object:root=true
type LicensePoolList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LicensePool `json:"items"`
}
