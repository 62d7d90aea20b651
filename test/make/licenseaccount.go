// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package maker

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// LicenseAccountBuilder builds a LicenseAccount.
type LicenseAccountBuilder struct{ account licensing.LicenseAccount }

// MakeLicenseAccount begins an account that has no pool and no user yet.
func MakeLicenseAccount(name string) *LicenseAccountBuilder {
	return &LicenseAccountBuilder{licensing.LicenseAccount{
		TypeMeta:   metav1.TypeMeta{APIVersion: licensing.GroupVersion.String(), Kind: "LicenseAccount"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: DefaultNamespace},
	}}
}

// Obj returns the account.
func (b *LicenseAccountBuilder) Obj() *licensing.LicenseAccount { return b.account.DeepCopy() }

// Namespace sets metadata.namespace.
func (b *LicenseAccountBuilder) Namespace(namespace string) *LicenseAccountBuilder {
	b.account.Namespace = namespace
	return b
}

// UID sets metadata.uid, for tests without an API server.
func (b *LicenseAccountBuilder) UID(uid string) *LicenseAccountBuilder {
	b.account.UID = types.UID(uid)
	return b
}

// ResourceVersion sets metadata.resourceVersion.
func (b *LicenseAccountBuilder) ResourceVersion(version string) *LicenseAccountBuilder {
	b.account.ResourceVersion = version
	return b
}

// CreatedAt sets metadata.creationTimestamp, for tests without an API server.
func (b *LicenseAccountBuilder) CreatedAt(t time.Time) *LicenseAccountBuilder {
	b.account.CreationTimestamp = metav1.NewTime(t)
	return b
}

// Label adds a label.
func (b *LicenseAccountBuilder) Label(key, value string) *LicenseAccountBuilder {
	b.account.Labels = with(b.account.Labels, key, value)
	return b
}

// Pool sets spec.poolRef.name.
func (b *LicenseAccountBuilder) Pool(name string) *LicenseAccountBuilder {
	b.account.Spec.PoolRef.Name = name
	return b
}

// User sets spec.userName.
func (b *LicenseAccountBuilder) User(name string) *LicenseAccountBuilder {
	b.account.Spec.UserName = name
	return b
}

// FullName sets spec.userFullName.
func (b *LicenseAccountBuilder) FullName(name string) *LicenseAccountBuilder {
	b.account.Spec.UserFullName = name
	return b
}

// Type sets spec.type.
func (b *LicenseAccountBuilder) Type(t licensing.AccountType) *LicenseAccountBuilder {
	b.account.Spec.Type = t
	return b
}

// Named makes it a named account.
func (b *LicenseAccountBuilder) Named() *LicenseAccountBuilder { return b.Type(licensing.AccountNamed) }

// Concurrent makes it a concurrent account.
func (b *LicenseAccountBuilder) Concurrent() *LicenseAccountBuilder {
	return b.Type(licensing.AccountConcurrent)
}

// Groups sets spec.groups.
func (b *LicenseAccountBuilder) Groups(groups ...string) *LicenseAccountBuilder {
	b.account.Spec.Groups = groups
	return b
}

// Disabled disables the account.
func (b *LicenseAccountBuilder) Disabled() *LicenseAccountBuilder {
	b.account.Spec.Disabled = true
	return b
}

// Licensed sets the condition Licensed.
func (b *LicenseAccountBuilder) Licensed(status metav1.ConditionStatus, reason string) *LicenseAccountBuilder {
	return b.Condition(metav1.Condition{Type: licensing.ConditionLicensed, Status: status, Reason: reason})
}

// Condition sets a condition of the status.
func (b *LicenseAccountBuilder) Condition(condition metav1.Condition) *LicenseAccountBuilder {
	meta.SetStatusCondition(&b.account.Status.Conditions, condition)
	return b
}

// ArrivalRevision sets status.arrivalRevision.
func (b *LicenseAccountBuilder) ArrivalRevision(revision string) *LicenseAccountBuilder {
	b.account.Status.ArrivalRevision = revision
	return b
}
