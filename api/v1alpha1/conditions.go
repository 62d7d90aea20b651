// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types and reasons are API: an Event, a condition and an HTTP answer that speak of the same thing use the same word.

// Conditions of a LicensePool.
const (
	// ConditionReady is True when the operator acts on this generation of the pool. It says nothing of free seats.
	ConditionReady = "Ready"
	// ConditionSeatsAvailable is True while a newcomer would get a seat: a concurrent one where the pool has that model, otherwise a named one.
	ConditionSeatsAvailable = "SeatsAvailable"
	// ConditionInForce is True within the pool's validity.
	ConditionInForce = "InForce"
	// ConditionExpiryHeld is True while no session ends for a missing client, since most of the pool's clients fell silent at once. An administrator releases
	// it by the annotation AnnotationReleaseExpiry.
	ConditionExpiryHeld = "ExpiryHeld"
)

// Conditions of a LicenseAccount and of a UserSession.
const (
	// ConditionLicensed is True when the account may take a seat.
	ConditionLicensed = "Licensed"
	// ConditionGranted is True while the session holds a seat, or needs none.
	ConditionGranted = "Granted"
	// ConditionPrompt is True while the session's user should be asked whether to keep it: it ends at timeoutTime unless the user does something (A11).
	ConditionPrompt = "Prompt"
)

// Reasons of Ready.
const (
	// ReasonReconciled: the counts are those of this generation.
	ReasonReconciled = "Reconciled"
)

// Reasons of SeatsAvailable.
const (
	// ReasonAvailable: seats are left.
	ReasonAvailable = "Available"
	// ReasonNearlyExhausted: at least nine tenths of the seats are taken, but not all.
	ReasonNearlyExhausted = "NearlyExhausted"
	// ReasonExhausted: no seat is left.
	ReasonExhausted = "Exhausted"
	// ReasonOvercommitted: more seats are taken than the pool now has, since they were lowered; nobody loses one.
	ReasonOvercommitted = "Overcommitted"
)

// Reasons of InForce.
const (
	// ReasonInForce: within the validity.
	ReasonInForce = "InForce"
	// ReasonNotYetValid: before notBefore.
	ReasonNotYetValid = "NotYetValid"
	// ReasonExpired: past notAfter.
	ReasonExpired = "Expired"
)

// Reasons of ExpiryHeld.
const (
	// ReasonClientsSilent: most clients fell silent at once; that is more likely our fault than theirs.
	ReasonClientsSilent = "ClientsSilent"
	// ReasonReleased: it was on until the clients were heard again, an administrator released it, or it had lasted long enough.
	ReasonReleased = "Released"
	// ReasonClientsHeard: clients are heard as they should be.
	ReasonClientsHeard = "ClientsHeard"
)

// Reasons of Prompt.
const (
	// ReasonIdle: the session is about to idle out.
	ReasonIdle = "Idle"
	// ReasonActive: the user did something since.
	ReasonActive = "Active"
)

// Reasons of a LicenseUsage's Events.
const (
	// ReasonClocksDisagree: the history ended far ahead of the leader's clock, so that one of the two clocks is wrong; there is a gap, and nothing is removed.
	ReasonClocksDisagree = "ClocksDisagree"
	// ReasonHistoryUnreadable: the operator cannot read the history; it is left as it is, and nothing is added to it.
	ReasonHistoryUnreadable = "HistoryUnreadable"
)

// Reasons of Granted.
const (
	// ReasonSeatGranted: the session opened a connection and took a seat for it, or uses its named account's.
	ReasonSeatGranted = "SeatGranted"
	// ReasonSeatShared: the session joined a connection that already had a seat.
	ReasonSeatShared = "SeatShared"
	// ReasonSystemLogin: a system login, which takes no seat (C4).
	ReasonSystemLogin = "SystemLogin"
	// ReasonWaiting: all seats are taken; the session waits its turn.
	ReasonWaiting = "Waiting"
	// ReasonPoolNotFound: the pool does not exist; the session waits for it.
	ReasonPoolNotFound = "PoolNotFound"
	// ReasonSeatsExhausted: denied, all seats are taken. Also of Licensed: no named seat is left for the account.
	ReasonSeatsExhausted = "SeatsExhausted"
	// ReasonWaitExpired: denied, no seat came free within maxWaitSeconds.
	ReasonWaitExpired = "WaitExpired"
	// ReasonAccountRequired: denied, the pool has no account for the user and enrolls none.
	ReasonAccountRequired = "AccountRequired"
	// ReasonAccountDisabled: denied, the user's account is disabled.
	ReasonAccountDisabled = "AccountDisabled"
	// ReasonAccountNotLicensed: denied, the user's named account holds no seat.
	ReasonAccountNotLicensed = "AccountNotLicensed"
	// ReasonPoolNotInForce: denied, the pool is outside its validity.
	ReasonPoolNotInForce = "PoolNotInForce"
	// ReasonUserLimitReached: denied, the user has as many sessions as one may have.
	ReasonUserLimitReached = "UserLimitReached"
	// ReasonTerminated: the session ended; terminationAction says how.
	ReasonTerminated = "Terminated"
)

// Reasons of Licensed, beside SeatsExhausted.
const (
	// ReasonSeatHeld: the named account holds a seat.
	ReasonSeatHeld = "SeatHeld"
	// ReasonSharesSeats: the concurrent account takes a seat when it signs in.
	ReasonSharesSeats = "SharesSeats"
	// ReasonModelNotLicensed: the pool lacks the account's model. Also of Granted: denied for that.
	ReasonModelNotLicensed = "ModelNotLicensed"
	// ReasonDuplicateAccount: an earlier account of the same user in the same pool counts; this one does not.
	ReasonDuplicateAccount = "DuplicateAccount"
)
