// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package maker

import (
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// LicensePoolBuilder builds a LicensePool.
type LicensePoolBuilder struct{ pool licensing.LicensePool }

// MakeLicensePool begins a pool that has no seats of either model yet.
func MakeLicensePool(name string) *LicensePoolBuilder {
	return &LicensePoolBuilder{licensing.LicensePool{
		TypeMeta:   metav1.TypeMeta{APIVersion: licensing.GroupVersion.String(), Kind: "LicensePool"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: DefaultNamespace},
	}}
}

// Obj returns the pool.
func (b *LicensePoolBuilder) Obj() *licensing.LicensePool { return b.pool.DeepCopy() }

// Namespace sets metadata.namespace.
func (b *LicensePoolBuilder) Namespace(namespace string) *LicensePoolBuilder {
	b.pool.Namespace = namespace
	return b
}

// UID sets metadata.uid, for tests without an API server.
func (b *LicensePoolBuilder) UID(uid string) *LicensePoolBuilder {
	b.pool.UID = types.UID(uid)
	return b
}

// Generation sets metadata.generation, for tests without an API server.
func (b *LicensePoolBuilder) Generation(generation int64) *LicensePoolBuilder {
	b.pool.Generation = generation
	return b
}

// ResourceVersion sets metadata.resourceVersion.
func (b *LicensePoolBuilder) ResourceVersion(version string) *LicensePoolBuilder {
	b.pool.ResourceVersion = version
	return b
}

// CreatedAt sets metadata.creationTimestamp, for tests without an API server.
func (b *LicensePoolBuilder) CreatedAt(t time.Time) *LicensePoolBuilder {
	b.pool.CreationTimestamp = metav1.NewTime(t)
	return b
}

// Label adds a label.
func (b *LicensePoolBuilder) Label(key, value string) *LicensePoolBuilder {
	b.pool.Labels = with(b.pool.Labels, key, value)
	return b
}

// Annotation adds an annotation.
func (b *LicensePoolBuilder) Annotation(key, value string) *LicensePoolBuilder {
	b.pool.Annotations = with(b.pool.Annotations, key, value)
	return b
}

// DisplayName sets spec.displayName.
func (b *LicensePoolBuilder) DisplayName(name string) *LicensePoolBuilder {
	b.pool.Spec.DisplayName = name
	return b
}

// Named states that many named seats.
func (b *LicensePoolBuilder) Named(seats int32) *LicensePoolBuilder {
	b.pool.Spec.Named = &licensing.Seats{Seats: &seats}
	return b
}

// Concurrent states that many concurrent seats.
func (b *LicensePoolBuilder) Concurrent(seats int32) *LicensePoolBuilder {
	b.pool.Spec.Concurrent = &licensing.Seats{Seats: &seats}
	return b
}

// Enrollment sets spec.enrollment.
func (b *LicensePoolBuilder) Enrollment(enrollment licensing.Enrollment) *LicensePoolBuilder {
	b.pool.Spec.Enrollment = enrollment
	return b
}

// AccountsOnly denies users whom the pool has no account for.
func (b *LicensePoolBuilder) AccountsOnly() *LicensePoolBuilder {
	return b.Enrollment(licensing.EnrollmentAccountsOnly)
}

// UserNameCase sets spec.userNameCase.
func (b *LicensePoolBuilder) UserNameCase(c licensing.UserNameCase) *LicensePoolBuilder {
	b.pool.Spec.UserNameCase = c
	return b
}

// NotBefore sets spec.validity.notBefore.
func (b *LicensePoolBuilder) NotBefore(t time.Time) *LicensePoolBuilder {
	b.validity().NotBefore = instant(t)
	return b
}

// NotAfter sets spec.validity.notAfter.
func (b *LicensePoolBuilder) NotAfter(t time.Time) *LicensePoolBuilder {
	b.validity().NotAfter = instant(t)
	return b
}

// SeatPer sets spec.sharing.seatPer.
func (b *LicensePoolBuilder) SeatPer(dimensions ...licensing.SeatDimension) *LicensePoolBuilder {
	b.sharing().SeatPer = dimensions
	return b
}

// ModuleGroup adds a group of modules that share a seat to spec.sharing.moduleGroups.
func (b *LicensePoolBuilder) ModuleGroup(modules ...licensing.ModuleName) *LicensePoolBuilder {
	b.sharing().ModuleGroups = append(b.sharing().ModuleGroups, modules)
	return b
}

// IdleTimeout sets spec.sessions.idleTimeoutSeconds.
func (b *LicensePoolBuilder) IdleTimeout(d time.Duration) *LicensePoolBuilder {
	b.sessions().IdleTimeoutSeconds = seconds(d)
	return b
}

// UnsavedWorkTimeout sets spec.sessions.unsavedWorkTimeoutSeconds.
func (b *LicensePoolBuilder) UnsavedWorkTimeout(d time.Duration) *LicensePoolBuilder {
	b.sessions().UnsavedWorkTimeoutSeconds = seconds(d)
	return b
}

// Prompt sets spec.sessions.prompt; without modules it leaves them to the default.
func (b *LicensePoolBuilder) Prompt(lead time.Duration, modules ...licensing.ModuleName) *LicensePoolBuilder {
	b.sessions().Prompt = &licensing.Prompt{LeadSeconds: seconds(lead), Modules: modules}
	return b
}

// HeartbeatInterval sets spec.sessions.heartbeatIntervalSeconds.
func (b *LicensePoolBuilder) HeartbeatInterval(d time.Duration) *LicensePoolBuilder {
	b.sessions().HeartbeatIntervalSeconds = seconds(d)
	return b
}

// LostAfter sets spec.sessions.lostAfterSeconds.
func (b *LicensePoolBuilder) LostAfter(d time.Duration) *LicensePoolBuilder {
	b.sessions().LostAfterSeconds = seconds(d)
	return b
}

// MaxLifetime sets spec.sessions.maxLifetimeSeconds.
func (b *LicensePoolBuilder) MaxLifetime(d time.Duration) *LicensePoolBuilder {
	b.sessions().MaxLifetimeSeconds = seconds(d)
	return b
}

// MaxPerUser sets spec.sessions.maxPerUser.
func (b *LicensePoolBuilder) MaxPerUser(sessions int32, whenExceeded licensing.LimitAction) *LicensePoolBuilder {
	b.sessions().MaxPerUser = &licensing.UserLimit{Sessions: sessions, WhenExceeded: whenExceeded}
	return b
}

// ClientIPCheck sets spec.sessions.clientIPCheck.
func (b *LicensePoolBuilder) ClientIPCheck(check licensing.ClientIPCheck) *LicensePoolBuilder {
	b.sessions().ClientIPCheck = check
	return b
}

// OnClientExit sets spec.sessions.onClientExit.
func (b *LicensePoolBuilder) OnClientExit(action licensing.ExitAction) *LicensePoolBuilder {
	b.sessions().OnClientExit = action
	return b
}

// Retention sets spec.sessions.retentionSeconds.
func (b *LicensePoolBuilder) Retention(d time.Duration) *LicensePoolBuilder {
	b.sessions().RetentionSeconds = seconds(d)
	return b
}

// Term sets status.grants.term.
func (b *LicensePoolBuilder) Term(term string) *LicensePoolBuilder {
	b.grants().Term = term
	return b
}

// Intent adds an intent to status.grants.
func (b *LicensePoolBuilder) Intent(intent licensing.GrantIntent) *LicensePoolBuilder {
	b.grants().Intents = append(b.grants().Intents, intent)
	return b
}

// Condition sets a condition of the status.
func (b *LicensePoolBuilder) Condition(condition metav1.Condition) *LicensePoolBuilder {
	meta.SetStatusCondition(&b.pool.Status.Conditions, condition)
	return b
}

// Status replaces the whole status.
func (b *LicensePoolBuilder) Status(status licensing.LicensePoolStatus) *LicensePoolBuilder {
	b.pool.Status = status
	return b
}

func (b *LicensePoolBuilder) validity() *licensing.Validity {
	return made(&b.pool.Spec.Validity)
}

func (b *LicensePoolBuilder) sharing() *licensing.Sharing {
	return made(&b.pool.Spec.Sharing)
}

func (b *LicensePoolBuilder) sessions() *licensing.SessionRules {
	return made(&b.pool.Spec.Sessions)
}

func (b *LicensePoolBuilder) grants() *licensing.GrantLog {
	return made(&b.pool.Status.Grants)
}

// made returns what field points to, made first where it points to nothing.
func made[T any](field **T) *T {
	if *field == nil {
		*field = new(T)
	}
	return *field
}

func with(m map[string]string, key, value string) map[string]string {
	out := maps.Clone(m)
	if out == nil {
		out = map[string]string{}
	}
	out[key] = value
	return out
}
