// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// trial is one write that the API server is to accept, or to refuse.
type trial struct {
	title string
	// before is what an object is created with that the write then changes; nil: the write is the creation.
	before []edit
	// write is what the write says.
	write []edit
	// besides are the sentences of other causes that its refusal cannot do without.
	besides []string
}

// creating is a trial whose write is the object's creation.
func creating(title string, edits ...edit) trial { return trial{title: title, write: edits} }

// given begins a trial whose write changes an object that was created with these edits.
func given(edits ...edit) trial { return trial{before: append([]edit{}, edits...)} }

func (t trial) writing(title string, edits ...edit) trial {
	t.title, t.write = title, edits
	return t
}

func (t trial) alongside(sentence string) trial {
	t.besides = append(slices.Clone(t.besides), sentence)
	return t
}

var made int

// named gives an object, as the API server reads it, a name that none had before.
func named(object any) *unstructured.Unstructured {
	made++
	u := &unstructured.Unstructured{Object: plain(object).(map[string]any)}
	u.SetNamespace(trials)
	u.SetName(fmt.Sprintf("o-%d", made))
	return u
}

// minimal is the least that a kind accepts.
func minimal(kind string) *unstructured.Unstructured {
	spec := map[string]any{"poolRef": map[string]any{"name": "p"}, "userName": "ann"}
	if kind == "LicensePool" {
		spec = map[string]any{"concurrent": map[string]any{"seats": 5}}
	}
	if kind == "LicenseUsage" {
		delete(spec, "userName")
	}
	return named(map[string]any{"apiVersion": licensing.GroupVersion.String(), "kind": kind, "spec": spec})
}

func apply(object *unstructured.Unstructured, edits []edit) {
	for _, e := range edits {
		e.change(object.Object)
	}
}

func touchesStatus(edits []edit) bool {
	for _, e := range edits {
		if e.field == "status" || strings.HasPrefix(e.field, "status.") {
			return true
		}
	}
	return false
}

// run does the trial on an object and returns it as it was sent last, and how the API server answered.
func (t trial) run(ctx context.Context, object *unstructured.Unstructured) error {
	GinkgoHelper()
	if t.before == nil {
		apply(object, t.write)
		return api.Create(ctx, object)
	}
	apply(object, t.before)
	create(ctx, object)
	apply(object, t.write)
	if touchesStatus(t.write) {
		return api.Status().Update(ctx, object)
	}
	return api.Update(ctx, object)
}

// create stores an object, its status included.
func create(ctx context.Context, object *unstructured.Unstructured) {
	GinkgoHelper()
	status, has := plain(object.Object).(map[string]any)["status"]
	Expect(api.Create(ctx, object)).To(Succeed())
	if has {
		object.Object["status"] = status
		Expect(api.Status().Update(ctx, object)).To(Succeed())
	}
}

// stored reads an object back; nil where there is none.
func stored(ctx context.Context, object *unstructured.Unstructured) map[string]any {
	GinkgoHelper()
	found := &unstructured.Unstructured{}
	found.SetGroupVersionKind(object.GroupVersionKind())
	err := api.Get(ctx, client.ObjectKeyFromObject(object), found)
	if apierrors.IsNotFound(err) {
		return nil
	}
	Expect(err).NotTo(HaveOccurred())
	return found.Object
}

// accepted demands that the write succeeds and that what it said is stored.
func (t trial) accepted(ctx context.Context, object *unstructured.Unstructured) {
	GinkgoHelper()
	Expect(t.run(ctx, object)).To(Succeed(), t.title)
	found := stored(ctx, object)
	for _, e := range t.write {
		got, found := value(found, e.field)
		if e.says == nil {
			Expect(found && !defaults(object.GetKind(), e.field)).To(BeFalse(), "%s: %s is still there", t.title, e.field)
			continue
		}
		Expect(holds(got, e.says)).To(BeTrue(), "%s: %s was stored as %v", t.title, e.field, got)
	}
}

// refused demands that the write fails for one cause alone, at that field and with that sentence, and that nothing of it is stored.
func (t trial) refused(ctx context.Context, object *unstructured.Unstructured, field, sentence string) {
	GinkgoHelper()
	err := t.run(ctx, object)
	Expect(err).To(HaveOccurred(), "%s: accepted", t.title)
	Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%s: %v", t.title, err)
	Expect(causes(err, t.besides)).To(ConsistOf(And(
		HaveField("Field", causeField(field)),
		HaveField("Message", ContainSubstring(sentence)),
	)), "%s: %v", t.title, err)

	found := stored(ctx, object)
	if t.before == nil {
		Expect(found).To(BeNil(), "%s: refused, and yet stored", t.title)
		return
	}
	Expect(found).NotTo(BeNil())
	Expect((&unstructured.Unstructured{Object: found}).GetResourceVersion()).To(Equal(object.GetResourceVersion()),
		"%s: refused, and yet stored", t.title)
}

// causes are what the API server found wrong, without its remark that rules wait until the rest is right and without those to leave out.
func causes(err error, leaveOut []string) []metav1.StatusCause {
	leaveOut = append([]string{"some validation rules were not checked"}, leaveOut...)
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var all []metav1.StatusCause
	for _, cause := range status.Status().Details.Causes {
		if !slices.ContainsFunc(leaveOut, func(sentence string) bool { return strings.Contains(cause.Message, sentence) }) {
			all = append(all, cause)
		}
	}
	return all
}

// causeField writes a field as the API server does in a cause.
func causeField(field string) string {
	if field == "" {
		return "<nil>"
	}
	return strings.ReplaceAll(strings.ReplaceAll(field, "[]", "[0]"), "{}", ".key")
}
