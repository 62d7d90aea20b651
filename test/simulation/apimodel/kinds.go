// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package apimodel

import (
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// Kind is one that the model keeps.
type Kind struct {
	index     int
	name      string
	resource  schema.GroupResource
	groupKind schema.GroupKind
	newObject func() client.Object
}

const kinds = 4

// The kinds that the model keeps.
var (
	Pools    = &Kind{0, "pool", resource("licensepools"), groupKind("LicensePool"), func() client.Object { return &licensing.LicensePool{} }}
	Accounts = &Kind{1, "account", resource("licenseaccounts"), groupKind("LicenseAccount"), func() client.Object { return &licensing.LicenseAccount{} }}
	Sessions = &Kind{2, "session", resource("usersessions"), groupKind("UserSession"), func() client.Object { return &licensing.UserSession{} }}
	Leases   = &Kind{3, "lease", schema.GroupResource{Group: coordinationv1.GroupName, Resource: "leases"}, schema.GroupKind{Group: coordinationv1.GroupName, Kind: "Lease"},
		func() client.Object { return &coordinationv1.Lease{} }}
)

func resource(name string) schema.GroupResource {
	return schema.GroupResource{Group: licensing.GroupVersion.Group, Resource: name}
}

func groupKind(name string) schema.GroupKind {
	return schema.GroupKind{Group: licensing.GroupVersion.Group, Kind: name}
}

// String is a word for the kind.
func (k *Kind) String() string { return k.name }

// KindOf is the kind of an object; it panics at one that the model does not keep.
func KindOf(obj client.Object) *Kind {
	switch obj.(type) {
	case *licensing.LicensePool:
		return Pools
	case *licensing.LicenseAccount:
		return Accounts
	case *licensing.UserSession:
		return Sessions
	case *coordinationv1.Lease:
		return Leases
	}
	panic(fmt.Sprintf("the model keeps no %T", obj))
}

func kindOfList(list client.ObjectList) *Kind {
	switch list.(type) {
	case *licensing.LicensePoolList:
		return Pools
	case *licensing.LicenseAccountList:
		return Accounts
	case *licensing.UserSessionList:
		return Sessions
	case *coordinationv1.LeaseList:
		return Leases
	}
	panic(fmt.Sprintf("the model keeps no %T", list))
}

func (k *Kind) notFound(name string) error { return apierrors.NewNotFound(k.resource, name) }

var errModified = errors.New("the object has been modified; please apply your changes to the latest version and try again")

func (k *Kind) conflict(name string) error {
	return apierrors.NewConflict(k.resource, name, errModified)
}

// copyInto copies an object into another of its kind.
func (k *Kind) copyInto(from, to client.Object) {
	switch o := from.(type) {
	case *licensing.LicensePool:
		o.DeepCopyInto(to.(*licensing.LicensePool))
	case *licensing.LicenseAccount:
		o.DeepCopyInto(to.(*licensing.LicenseAccount))
	case *licensing.UserSession:
		o.DeepCopyInto(to.(*licensing.UserSession))
	case *coordinationv1.Lease:
		o.DeepCopyInto(to.(*coordinationv1.Lease))
	}
}

// copyItems copies objects into a list of their kind.
func (k *Kind) copyItems(from []client.Object, to client.ObjectList) {
	switch l := to.(type) {
	case *licensing.LicensePoolList:
		l.Items = copies[licensing.LicensePool](k, from)
	case *licensing.LicenseAccountList:
		l.Items = copies[licensing.LicenseAccount](k, from)
	case *licensing.UserSessionList:
		l.Items = copies[licensing.UserSession](k, from)
	case *coordinationv1.LeaseList:
		l.Items = copies[coordinationv1.Lease](k, from)
	}
}

func copies[T any, P interface {
	*T
	client.Object
}](k *Kind, from []client.Object) []T {
	items := make([]T, len(from))
	for i, o := range from {
		k.copyInto(o, P(&items[i]))
	}
	return items
}

// takeStatus takes over the status alone.
func (k *Kind) takeStatus(to, from client.Object) {
	switch o := to.(type) {
	case *licensing.LicensePool:
		o.Status = from.(*licensing.LicensePool).Status
	case *licensing.LicenseAccount:
		o.Status = from.(*licensing.LicenseAccount).Status
	case *licensing.UserSession:
		o.Status = from.(*licensing.UserSession).Status
	}
}

// takeSpec takes over the spec alone.
func (k *Kind) takeSpec(to, from client.Object) {
	switch o := to.(type) {
	case *licensing.LicensePool:
		o.Spec = from.(*licensing.LicensePool).Spec
	case *licensing.LicenseAccount:
		o.Spec = from.(*licensing.LicenseAccount).Spec
	case *licensing.UserSession:
		o.Spec = from.(*licensing.UserSession).Spec
	case *coordinationv1.Lease:
		o.Spec = from.(*coordinationv1.Lease).Spec
	}
}

func (k *Kind) specDiffers(before, after client.Object) bool {
	switch o := before.(type) {
	case *licensing.LicensePool:
		return !equality.Semantic.DeepEqual(o.Spec, after.(*licensing.LicensePool).Spec)
	case *licensing.LicenseAccount:
		return !equality.Semantic.DeepEqual(o.Spec, after.(*licensing.LicenseAccount).Spec)
	case *licensing.UserSession:
		return !equality.Semantic.DeepEqual(o.Spec, after.(*licensing.UserSession).Spec)
	}
	return false
}

// matches says whether an object is one that a list asks for.
func (k *Kind) matches(obj client.Object, r *Request) bool {
	if r.Key.Namespace != "" && obj.GetNamespace() != r.Key.Namespace {
		return false
	}
	if r.Labels != nil && !r.Labels.Matches(labels.Set(obj.GetLabels())) {
		return false
	}
	if r.Fields == nil || r.Fields.Empty() {
		return true
	}
	set := fields.Set{}
	switch o := obj.(type) {
	case *licensing.LicenseAccount:
		set["spec.poolRef.name"], set["spec.userName"] = o.Spec.PoolRef.Name, o.Spec.UserName
	case *licensing.UserSession:
		set["spec.poolRef.name"], set["spec.userName"], set["status.state"] = o.Spec.PoolRef.Name, o.Spec.UserName, string(o.Status.State)
	}
	return r.Fields.Matches(set)
}

// normalize makes of an object what is left of it when it was written as JSON and read again.
func (k *Kind) normalize(obj client.Object) {
	obj.SetManagedFields(nil)
	switch o := obj.(type) {
	case *licensing.LicensePool:
		o.TypeMeta = metav1.TypeMeta{}
		wholeConditions(o.Status.Conditions)
		if h := o.Status.ExpiryHold; h != nil {
			whole(h.SinceTime, h.ReleasedTime)
		}
		if v := o.Spec.Validity; v != nil {
			whole(v.NotBefore, v.NotAfter)
		}
	case *licensing.LicenseAccount:
		o.TypeMeta = metav1.TypeMeta{}
		wholeConditions(o.Status.Conditions)
	case *licensing.UserSession:
		o.TypeMeta = metav1.TypeMeta{}
		s := &o.Status
		wholeConditions(s.Conditions)
		whole(s.LogonTime, s.LastActivityTime, s.LastHeartbeatTime, s.TimeoutTime, s.WaitUntilTime, s.TerminatedTime)
	case *coordinationv1.Lease:
		o.TypeMeta = metav1.TypeMeta{}
		for _, t := range []*metav1.MicroTime{o.Spec.RenewTime, o.Spec.AcquireTime} {
			if t != nil {
				t.Time = t.Truncate(time.Microsecond)
			}
		}
	}
}

func whole(times ...*metav1.Time) {
	for _, t := range times {
		if t != nil {
			t.Time = t.Truncate(time.Second)
		}
	}
}

func wholeConditions(conditions []metav1.Condition) {
	for i := range conditions {
		whole(&conditions[i].LastTransitionTime)
	}
}
