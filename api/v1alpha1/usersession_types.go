// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClientMode is how an interactive client is worked with (C1).
// +enum
// +kubebuilder:validation:Enum=NotApplicable;Desktop;Voice;Handheld;CE
type ClientMode string

// The client modes of C1.
const (
	ClientModeNotApplicable ClientMode = "NotApplicable"
	ClientModeDesktop       ClientMode = "Desktop"
	ClientModeVoice         ClientMode = "Voice"
	ClientModeHandheld      ClientMode = "Handheld"
	ClientModeCE            ClientMode = "CE"
)

// SessionType is what kind of program signed in (C1).
// +enum
// +kubebuilder:validation:Enum=NotApplicable;Interactive;BackgroundService;WebServices
type SessionType string

// The session types of C1.
const (
	SessionTypeNotApplicable     SessionType = "NotApplicable"
	SessionTypeInteractive       SessionType = "Interactive"
	SessionTypeBackgroundService SessionType = "BackgroundService"
	SessionTypeWebServices       SessionType = "WebServices"
)

// SessionState is where a session stands; it follows from its conditions.
// +enum
// +kubebuilder:validation:Enum=Pending;Active;Denied;Terminated
type SessionState string

const (
	// SessionPending sessions have not been decided on, or wait for a seat or for their pool.
	SessionPending SessionState = "Pending"
	// SessionActive sessions hold a seat (or need none).
	SessionActive SessionState = "Active"
	// SessionDenied sessions never got a seat; final.
	SessionDenied SessionState = "Denied"
	// SessionTerminated sessions have ended: they gave their seat back, or left the queue before they had one; final.
	SessionTerminated SessionState = "Terminated"
)

// TerminationAction says how a session ended (C5).
// +enum
// +kubebuilder:validation:Enum=NotTerminated;RequestedByUser;RequestedByAdministrator;OldestSessionTerminated;ExpiredSessionTerminated;TerminatedBySystem
type TerminationAction string

const (
	// NotTerminated sessions have not ended.
	NotTerminated TerminationAction = "NotTerminated"
	// RequestedByUser: the user signed out.
	RequestedByUser TerminationAction = "RequestedByUser"
	// RequestedByAdministrator: an administrator ended it.
	RequestedByAdministrator TerminationAction = "RequestedByAdministrator"
	// OldestSessionTerminated: the user exceeded the sessions allowed, so the oldest went.
	OldestSessionTerminated TerminationAction = "OldestSessionTerminated"
	// ExpiredSessionTerminated: it was idle for too long, or its client was lost.
	ExpiredSessionTerminated TerminationAction = "ExpiredSessionTerminated"
	// TerminatedBySystem: its lifetime ended, or its pool is gone, or another system asked for it.
	TerminatedBySystem TerminationAction = "TerminatedBySystem"
)

// Requester is who asks for a session's end.
// +enum
// +kubebuilder:validation:Enum=User;Administrator;System
type Requester string

const (
	// RequesterUser leads to RequestedByUser.
	RequesterUser Requester = "User"
	// RequesterAdministrator leads to RequestedByAdministrator.
	RequesterAdministrator Requester = "Administrator"
	// RequesterSystem leads to TerminatedBySystem.
	RequesterSystem Requester = "System"
)

// Client is what is known of the program and machine that signed in.
// +kubebuilder:validation:XValidation:rule=`(has(self.hostName) ? self.hostName : "") == (has(oldSelf.hostName) ? oldSelf.hostName : "")`,fieldPath=".hostName",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule=`(has(self.ip) ? self.ip : "") == (has(oldSelf.ip) ? oldSelf.ip : "")`,fieldPath=".ip",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule=`(has(self.userName) ? self.userName : "") == (has(oldSelf.userName) ? oldSelf.userName : "")`,fieldPath=".userName",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="self.mode == oldSelf.mode",fieldPath=".mode",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule=`(has(self.userAgent) ? self.userAgent : "") == (has(oldSelf.userAgent) ? oldSelf.userAgent : "")`,fieldPath=".userAgent",message="the facts of a session may not change after its creation: only termination may be set"
type Client struct {
	// hostName is the client's host name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="client.hostName must not contain control characters"
	HostName string `json:"hostName,omitempty"`

	// ip is the client's IPv4 or IPv6 address (A12).
	// +optional
	// +kubebuilder:validation:MaxLength=45
	// +kubebuilder:validation:XValidation:rule="self == '' || isIP(self)",message="client.ip must be an IPv4 or IPv6 address"
	IP string `json:"ip,omitempty"`

	// userName is the name that the user has on the client's machine.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="client.userName must not contain control characters"
	UserName string `json:"userName,omitempty"`

	// mode is how the client is worked with: required of Interactive sessions, NotApplicable for the others (C3).
	// +optional
	// +kubebuilder:default=NotApplicable
	Mode ClientMode `json:"mode,omitempty"`

	// userAgent is what the client calls itself.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	UserAgent string `json:"userAgent,omitempty"`
}

// Termination asks for a session's end.
// +kubebuilder:validation:XValidation:rule=`self.requestedBy == oldSelf.requestedBy && (has(self.message) ? self.message : "") == (has(oldSelf.message) ? oldSelf.message : "")`,message="termination may not be changed once it was requested"
type Termination struct {
	// requestedBy is who asks; default Administrator.
	// +optional
	// +kubebuilder:default=Administrator
	RequestedBy Requester `json:"requestedBy,omitempty"`

	// message is told to the session's client.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[^\P{Cc}\n\t]')`,message="termination.message must not contain control characters other than line ends and tabs"
	Message string `json:"message,omitempty"`
}

// UserSessionSpec is the facts of one login. They may not change (C2); only termination may be set, once. A fact left out, empty or zero is the same.
// +kubebuilder:validation:XValidation:rule="self.type != 'Interactive' || self.?client.mode.orValue('NotApplicable') != 'NotApplicable'",message="client.mode must be Desktop, Voice, Handheld or CE for a session of type Interactive"
// +kubebuilder:validation:XValidation:rule="!(self.type in ['BackgroundService', 'WebServices']) || self.?client.mode.orValue('NotApplicable') == 'NotApplicable'",message="client.mode must be NotApplicable for a session of type BackgroundService or WebServices"
// +kubebuilder:validation:XValidation:rule="self.poolRef == oldSelf.poolRef",fieldPath=".poolRef",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="self.userName == oldSelf.userName",fieldPath=".userName",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule=`(has(self.userFullName) ? self.userFullName : "") == (has(oldSelf.userFullName) ? oldSelf.userFullName : "")`,fieldPath=".userFullName",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="self.module == oldSelf.module",fieldPath=".module",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="self.type == oldSelf.type",fieldPath=".type",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="has(self.client) == has(oldSelf.client)",fieldPath=".client",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="(has(self.applications) ? self.applications : []) == (has(oldSelf.applications) ? oldSelf.applications : [])",fieldPath=".applications",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="(has(self.sessionAttributes) ? self.sessionAttributes : {}) == (has(oldSelf.sessionAttributes) ? oldSelf.sessionAttributes : {})",fieldPath=".sessionAttributes",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule=`(has(self.extraAttributes) ? self.extraAttributes : "") == (has(oldSelf.extraAttributes) ? oldSelf.extraAttributes : "")`,fieldPath=".extraAttributes",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule=`(has(self.createdBy) ? self.createdBy : "") == (has(oldSelf.createdBy) ? oldSelf.createdBy : "")`,fieldPath=".createdBy",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule=`(has(self.instanceName) ? self.instanceName : "") == (has(oldSelf.instanceName) ? oldSelf.instanceName : "")`,fieldPath=".instanceName",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="(has(self.singleSignOn) ? self.singleSignOn : false) == (has(oldSelf.singleSignOn) ? oldSelf.singleSignOn : false)",fieldPath=".singleSignOn",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="(has(self.systemLogin) ? self.systemLogin : false) == (has(oldSelf.systemLogin) ? oldSelf.systemLogin : false)",fieldPath=".systemLogin",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="(has(self.maxWaitSeconds) ? self.maxWaitSeconds : 0) == (has(oldSelf.maxWaitSeconds) ? oldSelf.maxWaitSeconds : 0)",fieldPath=".maxWaitSeconds",message="the facts of a session may not change after its creation: only termination may be set"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.termination) || has(self.termination)",fieldPath=".termination",message="termination may not be withdrawn once it was requested"
type UserSessionSpec struct {
	// poolRef names the pool that the seat is taken from, in the same namespace.
	// +required
	PoolRef PoolReference `json:"poolRef,omitzero"`

	// userName is the user's sign-in name, free text of at most 256 characters (CORP\ann, ann@example.com), none of them invisible.
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

	// module is the part of the application that was signed in to (A1); default Web.
	// +optional
	// +kubebuilder:default=Web
	Module ModuleName `json:"module,omitempty"`

	// type is what kind of program signed in; default NotApplicable.
	// +optional
	// +kubebuilder:default=NotApplicable
	Type SessionType `json:"type,omitempty"`

	// client is what is known of the program and machine that signed in.
	// +optional
	Client *Client `json:"client,omitempty"`

	// applications are those open at the login; at most 64.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=128
	Applications []string `json:"applications,omitempty"`

	// sessionAttributes are the application's own, by name; at most 64, names of at most 128 and values of at most 1,024 characters.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(name, size(name) <= 128 && size(self[name]) <= 1024)",message="each name of sessionAttributes must have at most 128 characters, each value at most 1024"
	SessionAttributes map[string]AttributeValue `json:"sessionAttributes,omitempty"`

	// extraAttributes is a JSON object as text, of at most 32 KiB; its content is the application's own.
	// The API server checks its size and its outer braces only; its content is not parsed.
	// +optional
	// +kubebuilder:validation:MaxLength=32768
	// +kubebuilder:validation:XValidation:rule="size(bytes(self)) <= 32768",message="extraAttributes must have at most 32 KiB"
	// +kubebuilder:validation:XValidation:rule="self == '' || (self.trim().startsWith('{') && self.trim().endsWith('}'))",message="extraAttributes must be a JSON object"
	ExtraAttributes string `json:"extraAttributes,omitempty"`

	// createdBy is who signed the user in, as the application server states it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="createdBy must not contain control characters"
	CreatedBy string `json:"createdBy,omitempty"`

	// instanceName is the application server's name.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message="instanceName must not contain control characters"
	InstanceName string `json:"instanceName,omitempty"`

	// singleSignOn says whether the user signed in through single sign-on; default false.
	// +optional
	SingleSignOn bool `json:"singleSignOn,omitempty"`

	// systemLogin marks a login of the system's own, which is never counted against a license (C4); default false.
	// +optional
	SystemLogin bool `json:"systemLogin,omitempty"`

	// maxWaitSeconds is how long to wait for a seat when the pool is full, first come first served; 0 to 86400, default 0: denied at once.
	// A session whose pool does not exist waits for that without bound.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	MaxWaitSeconds int32 `json:"maxWaitSeconds,omitempty"`

	// termination asks for the session's end. It can be set once and not withdrawn.
	// +optional
	Termination *Termination `json:"termination,omitempty"`
}

// AttributeValue is the value of a session attribute.
// +kubebuilder:validation:MaxLength=1024
type AttributeValue string

// UserSessionStatus is what became of a login. Only the operator writes it.
// +kubebuilder:validation:XValidation:rule="self.?state.orValue('Pending') != 'Active' || (has(self.seat) && has(self.logonTime))",message="an Active session must state its seat and logonTime"
// +kubebuilder:validation:XValidation:rule=`self.?state.orValue('Pending') != 'Active' || self.?seat.orValue('Uncounted') == 'Uncounted' || self.?connection.orValue("") != ""`,message="an Active session must state its connection, unless its seat is Uncounted"
// +kubebuilder:validation:XValidation:rule="!(self.?state.orValue('Pending') in ['Denied', 'Terminated']) || has(self.terminatedTime)",message="a Denied or Terminated session must state its terminatedTime"
// +kubebuilder:validation:XValidation:rule="self.?state.orValue('Pending') != 'Terminated' || self.?terminationAction.orValue('NotTerminated') != 'NotTerminated'",message="a Terminated session must state a terminationAction other than NotTerminated"
// +kubebuilder:validation:XValidation:rule="!(oldSelf.?state.orValue('Pending') in ['Denied', 'Terminated']) || (has(self.state) && self.state == oldSelf.state)",fieldPath=".state",message="state may not change once it is Denied or Terminated; the user must sign in anew"
// +kubebuilder:validation:XValidation:rule="oldSelf.?state.orValue('Pending') != 'Active' || self.?state.orValue('Pending') in ['Active', 'Terminated']",fieldPath=".state",message="state of an Active session may only become Terminated"
// +kubebuilder:validation:XValidation:rule=`!(oldSelf.?state.orValue('Pending') in ['Active', 'Terminated']) || ((has(self.seat) ? self.seat : "") == (has(oldSelf.seat) ? oldSelf.seat : "") && self.?logonTime == oldSelf.?logonTime && (has(self.connection) ? self.connection : "") == (has(oldSelf.connection) ? oldSelf.connection : ""))`,message="seat, connection and logonTime of an Active or Terminated session may not change"
// +kubebuilder:validation:XValidation:rule="!(oldSelf.?state.orValue('Pending') in ['Denied', 'Terminated']) || self.?terminatedTime == oldSelf.?terminatedTime",message="terminatedTime of a Denied or Terminated session may not change"
// +kubebuilder:validation:XValidation:rule="oldSelf.?state.orValue('Pending') != 'Terminated' || (has(self.terminationAction) && self.terminationAction == oldSelf.terminationAction)",message="terminationAction of a Terminated session may not change"
type UserSessionStatus struct {
	// conditions are Granted (True: the session holds a seat; False: it waits, was denied or ended; the reason says which) and
	// Prompt (True: its user should be asked whether to keep it).
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation of the spec that the status speaks of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state is Pending, Active, Denied or Terminated; the last two are final.
	// +optional
	State SessionState `json:"state,omitempty"`

	// seat is what the session is counted against: stated once the session is Active, and not changed from then on.
	// +optional
	Seat SeatType `json:"seat,omitempty"`

	// connection identifies the connection that the session belongs to: live sessions with the same one share a seat (A2).
	// It is the uid of the session that opened the connection: stated with a seat other than Uncounted, and not changed once the session is Active.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	Connection string `json:"connection,omitempty"`

	// logonTime is when the seat was granted: stated once the session is Active, and not changed from then on.
	// +optional
	LogonTime *metav1.Time `json:"logonTime,omitempty"`

	// lastActivityTime is when the user last did something, as far as the API server was told; it may lag by minutes (B4).
	// +optional
	LastActivityTime *metav1.Time `json:"lastActivityTime,omitempty"`

	// lastHeartbeatTime is when the client was last heard, as far as the API server was told; absent: it never sent a heartbeat. It may lag as long as heardBy is stated.
	// +optional
	LastHeartbeatTime *metav1.Time `json:"lastHeartbeatTime,omitempty"`

	// heardBy is the gateway replica that hears the session's client and answers for it: while that replica's Lease is renewed, the client is not lost.
	// The replica lets go, and states lastHeartbeatTime, when it has not heard the client for long. Absent: lastHeartbeatTime stands.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	HeardBy string `json:"heardBy,omitempty"`

	// unsavedWork is whether the client last reported unsaved work, which makes the longer idle period apply (B8).
	// +optional
	UnsavedWork bool `json:"unsavedWork,omitempty"`

	// timeoutTime is when the session will end if it stays idle (C6); absent: it never does.
	// +optional
	TimeoutTime *metav1.Time `json:"timeoutTime,omitempty"`

	// durationSeconds is lastActivityTime less logonTime (A7).
	// +optional
	// +kubebuilder:validation:Minimum=0
	DurationSeconds *int64 `json:"durationSeconds,omitempty"`

	// keepAlive is false once the session is idle for longer than its first idle period and reports no unsaved work (B8).
	// +optional
	KeepAlive *bool `json:"keepAlive,omitempty"`

	// waitUntilTime is when a session that waits for a seat is denied.
	// +optional
	WaitUntilTime *metav1.Time `json:"waitUntilTime,omitempty"`

	// arrivalRevision is the API server's revision at which the operator first saw a session that waits:
	// of two that came in one second, the lower came first.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	ArrivalRevision string `json:"arrivalRevision,omitempty"`

	// poolUID is the uid of the pool that took over the session from an earlier pool of the same name.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	PoolUID string `json:"poolUID,omitempty"`

	// applications are those open, as last reported; absent: as at the login.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=128
	Applications []string `json:"applications,omitzero"`

	// sessionAttributes are the application's own, as last reported; absent: as at the login.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	SessionAttributes map[string]AttributeValue `json:"sessionAttributes,omitzero"`

	// sessionAttributeCount is the number of session attributes.
	// +optional
	// +kubebuilder:validation:Minimum=0
	SessionAttributeCount *int32 `json:"sessionAttributeCount,omitempty"`

	// terminatedTime is when the session ended or was denied: stated then, and not changed from then on.
	// +optional
	TerminatedTime *metav1.Time `json:"terminatedTime,omitempty"`

	// terminationAction is how the session ended (C5); a Terminated session states it, and it is not changed from then on.
	// +optional
	TerminationAction TerminationAction `json:"terminationAction,omitempty"`

	// message says in a sentence why the session stands as it does.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	Message string `json:"message,omitempty"`
}

// UserSession is one login of one user to one module, from login to its end.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=usession;usessions,categories={seatkeeper}
// +kubebuilder:selectablefield:JSONPath=`.spec.poolRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.userName`
// +kubebuilder:selectablefield:JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="User",type=string,JSONPath=`.spec.userName`
// +kubebuilder:printcolumn:name="Pool",type=string,JSONPath=`.spec.poolRef.name`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Seat",type=string,JSONPath=`.status.seat`
// +kubebuilder:printcolumn:name="Module",type=string,JSONPath=`.spec.module`
// +kubebuilder:printcolumn:name="Client IP",type=string,JSONPath=`.spec.client.ip`
// +kubebuilder:printcolumn:name="Last activity",type=date,JSONPath=`.status.lastActivityTime`,description="How long ago the user last did something"
// +kubebuilder:printcolumn:name="Logon",type=date,JSONPath=`.status.logonTime`,description="How long ago the seat was granted"
// +kubebuilder:printcolumn:name="Duration (s)",type=integer,JSONPath=`.status.durationSeconds`,description="Seconds from logon to last activity"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Granted")].reason`
// +kubebuilder:printcolumn:name="Full name",type=string,priority=1,JSONPath=`.spec.userFullName`
// +kubebuilder:printcolumn:name="Client host",type=string,priority=1,JSONPath=`.spec.client.hostName`
// +kubebuilder:printcolumn:name="Keep alive",type=boolean,priority=1,JSONPath=`.status.keepAlive`
// +kubebuilder:printcolumn:name="Timeout",type=string,priority=1,JSONPath=`.status.timeoutTime`
// +kubebuilder:printcolumn:name="Ended",type=string,priority=1,JSONPath=`.status.terminationAction`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.message`
type UserSession struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is standard object metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec is the facts of the login.
	// +required
	Spec UserSessionSpec `json:"spec,omitzero"`

	// status is what became of it.
	// +optional
	// +kubebuilder:default={state: Pending}
	Status UserSessionStatus `json:"status,omitzero"`
}

// UserSessionList is a list of UserSessions.
//
// +kubebuilder:object:root=true
type UserSessionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []UserSession `json:"items"`
}
