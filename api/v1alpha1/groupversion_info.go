// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the kinds of Seatkeeper: what was bought (LicensePool), who is known
// (LicenseAccount), who is signed on (UserSession) and how much was used (LicenseUsage).
//
// A letter with a number in parentheses, such as (A10), names the requirement that a rule comes from. It is there for
// those who trace a rule through the code and its tests; who uses the kinds can pass over it.
//
// +kubebuilder:object:generate=true
// +groupName=licensing.seatkeeper.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "licensing.seatkeeper.dev", Version: "v1alpha1"}

var schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

// AddToScheme registers the kinds with a scheme.
var AddToScheme = schemeBuilder.AddToScheme

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&LicensePool{}, &LicensePoolList{},
		&LicenseAccount{}, &LicenseAccountList{},
		&UserSession{}, &UserSessionList{},
		&LicenseUsage{}, &LicenseUsageList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
