// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package apimodel_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

// twin asks a real API server what the model was asked, and compares. Uids and revisions correspond: what is the same in the one must be the same in the other.
type twin struct {
	t   *testing.T
	api client.WithWatch
	// versions and uids are the real ones for the model's; modelVersions and modelUIDs the other way round.
	versions, modelVersions map[string]string
	uids, modelUIDs         map[string]string
	tokens                  map[string]page
	// told is what the watches have told, in its order.
	told map[*apimodel.Kind]chan watch.Event
	// newest is the highest revision that the real one has told of.
	newest int
	// answers counts what was answered, by verb, kind and reason.
	answers map[string]int
	asked   []string
}

// page is the page of a real list that follows, and the revision that the list shows.
type page struct {
	token    string
	revision int
	model    string
}

// newTwin begins to watch the namespaces of the kinds, in which there must be nothing.
func newTwin(t *testing.T, api client.WithWatch, namespaces map[*apimodel.Kind]string) *twin {
	t.Helper()
	d := &twin{t: t, api: api, versions: map[string]string{}, modelVersions: map[string]string{}, uids: map[string]string{}, modelUIDs: map[string]string{}, tokens: map[string]page{},
		told: map[*apimodel.Kind]chan watch.Event{}, answers: map[string]int{}}
	for k, namespace := range namespaces {
		if err := api.DeleteAllOf(t.Context(), newObject(k), client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		list := newList(k)
		if err := api.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
			t.Fatal(err)
		}
		if n := meta.LenList(list); n > 0 {
			t.Fatalf("%d %ss are left in %s", n, k, namespace)
		}
		w, err := api.Watch(t.Context(), list, client.InNamespace(namespace), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Stop)
		told := make(chan watch.Event, 100_000) // whoever does not read is disconnected
		d.told[k] = told
		go func() {
			defer close(told)
			for e := range w.ResultChan() {
				told <- e
			}
		}()
	}
	return d
}

func newObject(k *apimodel.Kind) client.Object {
	switch k {
	case apimodel.Pools:
		return &licensing.LicensePool{}
	case apimodel.Accounts:
		return &licensing.LicenseAccount{}
	case apimodel.Sessions:
		return &licensing.UserSession{}
	default:
		return &coordinationv1.Lease{}
	}
}

func newList(k *apimodel.Kind) client.ObjectList {
	switch k {
	case apimodel.Pools:
		return &licensing.LicensePoolList{}
	case apimodel.Accounts:
		return &licensing.LicenseAccountList{}
	case apimodel.Sessions:
		return &licensing.UserSessionList{}
	default:
		return &coordinationv1.LeaseList{}
	}
}

// differs fails the test, with what was asked before.
func (d *twin) differs(format string, args ...any) {
	d.t.Helper()
	d.t.Errorf("%s\nafter:\n  %s", fmt.Sprintf(format, args...), strings.Join(d.asked[max(0, len(d.asked)-10):], "\n  "))
}

// ask asks the real one what the model has answered. PageSize is the model's.
func (d *twin) ask(r *apimodel.Request, model apimodel.Answer, pageSize int) {
	d.t.Helper()
	if r.Verb == apimodel.List {
		d.list(r, model, pageSize)
		return
	}
	obj, err := d.send(r)
	want, got := reason(err), reason(model.Err)
	what := r.String()
	if r.Verb == apimodel.Patch {
		what += " " + string(r.Data())
	}
	d.asked = append(d.asked, fmt.Sprintf("%s: %s", what, want))
	d.answers[fmt.Sprintf("%s %s%s: %s", r.Verb, r.Kind, map[bool]string{true: "/status"}[r.Status], want)]++
	switch {
	case want != got:
		d.differs("%s: a real API server answers %q (%v), the model %q (%v)", what, want, err, got, model.Err)
	case err == nil && r.Verb != apimodel.Delete:
		_, known := d.uids[string(model.Object.GetUID())]
		d.same(what, obj, model.Object, !known)
	}
}

func reason(err error) string {
	switch {
	case err == nil:
		return "OK"
	case apierrors.ReasonForError(err) != metav1.StatusReasonUnknown:
		return string(apierrors.ReasonForError(err))
	default:
		return err.Error()
	}
}

// send sends a request, in the words of the real one.
func (d *twin) send(r *apimodel.Request) (client.Object, error) {
	ctx := d.t.Context()
	obj := newObject(r.Kind)
	obj.SetNamespace(r.Key.Namespace)
	obj.SetName(r.Key.Name)
	switch r.Verb {
	case apimodel.Get:
		return obj, d.api.Get(ctx, r.Key, obj)
	case apimodel.Create:
		obj = d.translate(r.Object)
		return obj, d.api.Create(ctx, obj)
	case apimodel.Update:
		obj = d.translate(r.Object)
		if r.Status {
			return obj, d.api.Status().Update(ctx, obj)
		}
		return obj, d.api.Update(ctx, obj)
	case apimodel.Patch:
		data := modelVersion.ReplaceAllFunc(d.words(r.Data()), func(field []byte) []byte {
			return fmt.Appendf(nil, `"resourceVersion":"%s"`, d.version(string(modelVersion.FindSubmatch(field)[1])))
		})
		patch := client.RawPatch(types.MergePatchType, data)
		if r.Status {
			return obj, d.api.Status().Patch(ctx, obj, patch)
		}
		return obj, d.api.Patch(ctx, obj, patch)
	default:
		var options []client.DeleteOption
		if p := r.Preconditions(); p != nil {
			real := client.Preconditions{}
			if p.UID != nil {
				real.UID = new(types.UID(d.words([]byte(*p.UID))))
			}
			if p.ResourceVersion != nil {
				real.ResourceVersion = new(d.version(*p.ResourceVersion))
			}
			options = append(options, real)
		}
		return obj, d.api.Delete(ctx, obj, options...)
	}
}

var (
	modelVersion = regexp.MustCompile(`"resourceVersion":"(\d+)"`)
	modelUID     = regexp.MustCompile(`uid-\d{6,}`)
	realUID      = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// words replaces the model's uids wherever they stand.
func (d *twin) words(text []byte) []byte {
	return modelUID.ReplaceAllFunc(text, func(uid []byte) []byte {
		if real, ok := d.uids[string(uid)]; ok {
			return []byte(real)
		}
		return uid
	})
}

func (d *twin) version(model string) string {
	real, ok := d.versions[model]
	if !ok {
		d.t.Fatalf("revision %s of the model was never answered", model)
	}
	return real
}

// translate is an object of the model's as the real one knows it.
func (d *twin) translate(obj client.Object) client.Object {
	text, err := json.Marshal(obj)
	if err != nil {
		d.t.Fatal(err)
	}
	real := newObject(apimodel.KindOf(obj))
	if err := json.Unmarshal(d.words(text), real); err != nil {
		d.t.Fatal(err)
	}
	if v := obj.GetResourceVersion(); v != "" {
		real.SetResourceVersion(d.version(v))
	}
	return real
}

// same compares an object that both answered with. Of one that was just made the uids correspond from then on.
func (d *twin) same(what string, real, model client.Object, made bool) {
	d.t.Helper()
	if made {
		d.uids[string(model.GetUID())], d.modelUIDs[string(real.GetUID())] = string(real.GetUID()), string(model.GetUID())
	}
	if a, b := d.text(real), d.text(model); a != b {
		d.differs("%s: a real API server answers with\n%s\nthe model with\n%s", what, a, b)
	}
	d.sameVersion(what, real.GetResourceVersion(), model.GetResourceVersion())
}

func (d *twin) sameVersion(what, real, model string) {
	d.t.Helper()
	before, known := d.versions[model]
	_, other := d.modelVersions[real]
	switch {
	case known && before != real:
		d.differs("%s: a real API server makes a new revision, the model does not", what)
	case !known && other:
		d.differs("%s: the model makes a new revision, a real API server does not", what)
	}
	d.versions[model], d.modelVersions[real] = real, model
	d.newest = max(d.newest, number(d.t, real))
}

func number(t *testing.T, revision string) int {
	t.Helper()
	n, err := strconv.Atoi(revision)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// text is an object in the model's words, without its revision, when it was made, and what the model does not keep.
func (d *twin) text(obj client.Object) string {
	obj = obj.DeepCopyObject().(client.Object)
	obj.SetManagedFields(nil)
	obj.SetResourceVersion("")
	obj.SetCreationTimestamp(metav1.Time{})
	obj.GetObjectKind().SetGroupVersionKind(newObject(apimodel.KindOf(obj)).GetObjectKind().GroupVersionKind())
	text, err := json.Marshal(obj)
	if err != nil {
		d.t.Fatal(err)
	}
	return realUID.ReplaceAllStringFunc(string(text), func(uid string) string {
		if model, ok := d.modelUIDs[uid]; ok {
			return model
		}
		return uid
	})
}

// list compares a page of a list.
func (d *twin) list(r *apimodel.Request, model apimodel.Answer, pageSize int) {
	d.t.Helper()
	what := r.String()
	from := page{revision: -1}
	if r.Continue != "" {
		known, ok := d.tokens[r.Continue]
		if !ok {
			d.t.Fatalf("%s goes on where no page ended", what)
		}
		from = known
	}
	options := &client.ListOptions{Namespace: r.Key.Namespace, FieldSelector: r.Fields, LabelSelector: r.Labels, Limit: r.Limit, Continue: from.token}
	if pageSize > 0 && (r.Limit == 0 || int64(pageSize) < r.Limit) {
		options.Limit = int64(pageSize)
	}
	list := newList(r.Kind)
	err := d.api.List(d.t.Context(), list, options)
	want, got := reason(err), reason(model.Err)
	d.asked = append(d.asked, fmt.Sprintf("%s: %s, %d", what, want, meta.LenList(list)))
	d.answers[fmt.Sprintf("list %s: %s", r.Kind, want)]++
	if want != got {
		d.differs("%s: a real API server answers %q (%v), the model %q (%v)", what, want, err, got, model.Err)
	}
	if err != nil || model.Err != nil {
		return
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		d.t.Fatal(err)
	}
	if len(items) != len(model.Objects) {
		d.differs("%s: a real API server lists %d, the model %d", what, len(items), len(model.Objects))
		return
	}
	revision := number(d.t, list.GetResourceVersion())
	for i, item := range items {
		obj := item.(client.Object)
		d.same(what, obj, model.Objects[i], false)
		if number(d.t, obj.GetResourceVersion()) > revision {
			d.differs("%s: %s is newer than the list", what, obj.GetName())
		}
	}
	switch {
	case from.revision == -1 && revision < d.newest:
		d.differs("%s: the list shows revision %d, and %d was told of before", what, revision, d.newest)
	case from.revision != -1 && (revision != from.revision || model.Revision != from.model):
		d.differs("%s: a page of a list shows another revision than the first: %d and %d, of the model %s and %s", what, revision, from.revision, model.Revision, from.model)
	}
	if model.Continue != "" {
		d.tokens[model.Continue] = page{token: list.GetContinue(), revision: revision, model: model.Revision}
	}
	if model.Continue != "" && list.GetContinue() == "" {
		d.differs("%s: the list goes on in the model, and not in a real API server", what)
	}
	// A real one may say that there is more when there are more objects of which none is asked for.
	for token := list.GetContinue(); model.Continue == "" && token != ""; token = list.GetContinue() {
		options.Continue = token
		if err := d.api.List(d.t.Context(), list, options); err != nil || meta.LenList(list) > 0 {
			d.differs("%s: the list goes on in a real API server with %d more, and not in the model (%v)", what, meta.LenList(list), err)
			return
		}
	}
}

// watched compares what the watches tell with the model's history.
func (d *twin) watched(model *apimodel.Server) {
	d.t.Helper()
	for k, told := range d.told {
		last := 0
		for i, c := range model.Log(k) {
			what := fmt.Sprintf("change %d of %ss, of %s", i, k, c.Object.GetName())
			select {
			case e, ok := <-told:
				if !ok {
					d.t.Fatalf("%s: the watch ended", what)
				}
				obj, ok := e.Object.(client.Object)
				if !ok || e.Type != c.Type {
					d.differs("%s: a real API server tells %s %v, the model %s", what, e.Type, e.Object, c.Type)
					return
				}
				if a, b := d.text(obj), d.text(c.Object); a != b {
					d.differs("%s: a real API server tells\n%s\nthe model\n%s", what, a, b)
				}
				revision := number(d.t, obj.GetResourceVersion())
				if revision <= last || strconv.FormatUint(c.Revision, 10) != c.Object.GetResourceVersion() {
					d.differs("%s: revision %d comes after %d; in the model the change has %d, its object %s", what, revision, last, c.Revision, c.Object.GetResourceVersion())
				}
				last = revision
				if c.Type != watch.Deleted {
					d.sameVersion(what, obj.GetResourceVersion(), c.Object.GetResourceVersion())
				}
			case <-time.After(time.Minute):
				d.t.Fatalf("%s: a real API server tells of no such change", what)
			}
		}
	}
}
