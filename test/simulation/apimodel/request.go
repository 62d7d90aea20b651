// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package apimodel

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Verb is what a request does.
type Verb string

// The verbs that the model knows.
const (
	Get    Verb = "get"
	List   Verb = "list"
	Create Verb = "create"
	Update Verb = "update"
	Patch  Verb = "patch"
	Delete Verb = "delete"
)

// Request is one call, as it is on its way to the API server: nothing of it is shared with whoever made it.
type Request struct {
	Verb   Verb
	Kind   *Kind
	Key    types.NamespacedName
	Status bool
	// Object is what is written; of a patch, what the patch was made to lead to.
	Object client.Object

	version       string // that a patch was made against; empty: it says none
	data          []byte // of a patch
	preconditions *metav1.Preconditions

	Fields   fields.Selector
	Labels   labels.Selector
	Limit    int64
	Continue string
}

// Answer is what a request is answered with. Its objects are shared and not to be changed.
type Answer struct {
	Object   client.Object
	Objects  []client.Object
	Revision string
	Continue string
	Err      error
}

// Writes says whether the request changes anything.
func (r *Request) Writes() bool { return r.Verb != Get && r.Verb != List }

// String names the request.
func (r *Request) String() string {
	what := r.Kind.name
	if r.Status {
		what += "/status"
	}
	if r.Verb == List {
		return fmt.Sprintf("list %s", what)
	}
	return fmt.Sprintf("%s %s %s", r.Verb, what, r.Key.Name)
}

// NewGet asks for one object.
func NewGet(key types.NamespacedName, into client.Object) *Request {
	return &Request{Verb: Get, Kind: KindOf(into), Key: key}
}

// NewList asks for those that the options select.
func NewList(into client.ObjectList, opts ...client.ListOption) *Request {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	return &Request{Verb: List, Kind: kindOfList(into), Key: types.NamespacedName{Namespace: o.Namespace}, Fields: o.FieldSelector, Labels: o.LabelSelector, Limit: o.Limit, Continue: o.Continue}
}

// NewCreate makes an object.
func NewCreate(obj client.Object) *Request {
	return &Request{Verb: Create, Kind: KindOf(obj), Key: client.ObjectKeyFromObject(obj), Object: obj.DeepCopyObject().(client.Object)}
}

// NewUpdate writes an object, or its status.
func NewUpdate(obj client.Object, status bool) *Request {
	return &Request{Verb: Update, Kind: KindOf(obj), Key: client.ObjectKeyFromObject(obj), Object: obj.DeepCopyObject().(client.Object), Status: status}
}

var patchedVersion = regexp.MustCompile(`"resourceVersion":"(\d+)"`)

// NewPatch changes an object, or its status. The model knows merge patches.
func NewPatch(obj client.Object, patch client.Patch, status bool) (*Request, error) {
	if patch.Type() != types.MergePatchType {
		return nil, fmt.Errorf("the model knows merge patches alone, not %s", patch.Type())
	}
	data, err := patch.Data(obj)
	if err != nil {
		return nil, err
	}
	r := &Request{Verb: Patch, Kind: KindOf(obj), Key: client.ObjectKeyFromObject(obj), Object: obj.DeepCopyObject().(client.Object), Status: status, data: data}
	if m := patchedVersion.FindSubmatch(data); m != nil {
		r.version = string(m[1])
	}
	return r, nil
}

// NewDelete deletes an object.
func NewDelete(obj client.Object, opts ...client.DeleteOption) *Request {
	o := (&client.DeleteOptions{}).ApplyOptions(opts)
	r := &Request{Verb: Delete, Kind: KindOf(obj), Key: client.ObjectKeyFromObject(obj)}
	if o.Preconditions != nil {
		r.preconditions = o.Preconditions.DeepCopy()
	}
	return r
}

// Unlocked is the request without the revision that it depends on; the model is then as careless as its caller.
func (r *Request) Unlocked() *Request {
	unlocked := *r
	unlocked.version, unlocked.preconditions = "", nil
	unlocked.data = patchedVersion.ReplaceAll(r.data, nil)
	unlocked.data = []byte(strings.NewReplacer(`{,`, `{`, `,}`, `}`, `,,`, `,`).Replace(string(unlocked.data)))
	return &unlocked
}

// merge is what a patch makes of an object.
func (r *Request) merge(stored client.Object) (client.Object, error) {
	before, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	after, err := jsonpatch.MergePatch(before, r.data)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	merged := r.Kind.newObject()
	if err := json.Unmarshal(after, merged); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return merged, nil
}

// Deliver copies what a request was answered with into what its caller gave for it.
func (a Answer) Deliver(into client.Object) {
	if a.Object != nil {
		KindOf(into).copyInto(a.Object, into)
	}
}

// DeliverList copies what a list was answered with into what its caller gave for it.
func (a Answer) DeliverList(into client.ObjectList) {
	into.SetResourceVersion(a.Revision)
	into.SetContinue(a.Continue)
	kindOfList(into).copyItems(a.Objects, into)
}

func cut(token string) (revision, rest string, ok bool) { return strings.Cut(token, "/") }
