// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package maker

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// LicenseUsageBuilder builds a LicenseUsage.
type LicenseUsageBuilder struct{ usage licensing.LicenseUsage }

// MakeLicenseUsage begins the history of the pool of this name.
func MakeLicenseUsage(pool string) *LicenseUsageBuilder {
	return &LicenseUsageBuilder{licensing.LicenseUsage{
		TypeMeta:   metav1.TypeMeta{APIVersion: licensing.GroupVersion.String(), Kind: "LicenseUsage"},
		ObjectMeta: metav1.ObjectMeta{Name: pool, Namespace: DefaultNamespace},
		Spec:       licensing.LicenseUsageSpec{PoolRef: licensing.PoolReference{Name: pool}},
	}}
}

// Obj returns the history.
func (b *LicenseUsageBuilder) Obj() *licensing.LicenseUsage { return b.usage.DeepCopy() }

// Namespace sets metadata.namespace.
func (b *LicenseUsageBuilder) Namespace(namespace string) *LicenseUsageBuilder {
	b.usage.Namespace = namespace
	return b
}

// Status sets the status.
func (b *LicenseUsageBuilder) Status(status licensing.LicenseUsageStatus) *LicenseUsageBuilder {
	b.usage.Status = status
	return b
}
