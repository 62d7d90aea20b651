// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package apimodel is a model of the Kubernetes API server, as far as the operator's work depends on it: revisions, optimistic locks, merge patches, the status subresource, preconditions, selectors, pages,
// what the schemas fill in, and those of their rules that runs of the simulation can come upon. It is many times faster than a real one and does nothing by itself. A test asks it and a real one the same and
// compares. They differ in three ways that are meant: the model's pages may be shorter than what was asked for, its lists end without an empty page, and it keeps no managed fields.
package apimodel

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Change is one entry of the history of a kind.
type Change struct {
	Revision uint64
	Type     watch.EventType
	// Object is as it is after the change, or was last before it was deleted; it is shared and not to be changed.
	Object client.Object
	// Before is what it was before; nil: there was none.
	Before client.Object
}

// Server is the state of the API. It is not safe for concurrent use.
type Server struct {
	// Now is the API server's clock.
	Now func() time.Time
	// PageSize is how many objects a page of a list has at the most, whatever the caller's limit; 0: as many as the caller wants.
	PageSize int
	// Lawless: the schemas' rules are not kept. A test of what they are good for wants that.
	Lawless bool
	// Changed is told of each change; nil: nobody is.
	Changed func(*Kind, Change)

	revision uint64
	made     int
	// unwritten are the sessions whose status is the schema's alone: it is not stored before their next write, which is then one even if it changes nothing.
	unwritten map[types.UID]bool
	tables    [kinds]table
	pages     map[string][]client.Object
}

type table struct {
	objects map[types.NamespacedName]client.Object
	log     []Change
}

// NewServer returns an API server that has no objects.
func NewServer(now func() time.Time) *Server {
	s := &Server{Now: now, revision: 1, pages: map[string][]client.Object{}, unwritten: map[types.UID]bool{}}
	for i := range s.tables {
		s.tables[i].objects = map[types.NamespacedName]client.Object{}
	}
	return s
}

// Revision is that of the last change.
func (s *Server) Revision() uint64 { return s.revision }

// Advance takes a revision for a change of something that the model does not keep.
func (s *Server) Advance() uint64 {
	s.revision++
	return s.revision
}

// Log is the history of a kind so far, in the order of revisions.
func (s *Server) Log(k *Kind) []Change { return s.tables[k.index].log }

// Object is one object as it is, shared and not to be changed; nil: there is none.
func (s *Server) Object(k *Kind, key types.NamespacedName) client.Object {
	return s.tables[k.index].objects[key]
}

// Objects are all of a kind, in the order of their names, shared and not to be changed.
func (s *Server) Objects(k *Kind) []client.Object {
	all := make([]client.Object, 0, len(s.tables[k.index].objects))
	for _, o := range s.tables[k.index].objects {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b client.Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	return all
}

// Do carries out a request. Of the answer's object the caller may do what it likes with a copy.
func (s *Server) Do(r *Request) Answer {
	switch r.Verb {
	case Get:
		stored := s.tables[r.Kind.index].objects[r.Key]
		if stored == nil {
			return Answer{Err: r.Kind.notFound(r.Key.Name)}
		}
		return Answer{Object: stored}
	case List:
		return s.list(r)
	case Create:
		return s.create(r)
	case Update, Patch:
		return s.update(r)
	case Delete:
		return s.delete(r)
	default:
		return Answer{Err: fmt.Errorf("the model has no verb %q", r.Verb)}
	}
}

func (s *Server) create(r *Request) Answer {
	created := r.Object.DeepCopyObject().(client.Object)
	r.Kind.takeStatus(created, r.Kind.newObject()) // that has a way of its own
	r.Kind.fillIn(created)
	r.Kind.normalize(created)
	if !s.Lawless {
		if err := r.Kind.allows(nil, created); err != nil {
			return Answer{Err: err}
		}
	}
	switch {
	case r.Object.GetResourceVersion() != "":
		return Answer{Err: errors.New("resourceVersion should not be set on objects to be created")}
	case s.tables[r.Kind.index].objects[r.Key] != nil:
		return Answer{Err: apierrors.NewAlreadyExists(r.Kind.resource, r.Key.Name)}
	}
	s.made++
	created.SetUID(types.UID(fmt.Sprintf("uid-%06d", s.made)))
	created.SetCreationTimestamp(metav1.NewTime(s.Now().Truncate(time.Second)))
	created.SetGeneration(1)
	if r.Kind == Leases {
		created.SetGeneration(0)
	}
	s.store(r.Kind, r.Key, watch.Added, created)
	if r.Kind == Sessions {
		s.unwritten[created.GetUID()] = true
	}
	return Answer{Object: created}
}

// update is Update and Patch, of the object or of its status.
func (s *Server) update(r *Request) Answer {
	stored := s.tables[r.Kind.index].objects[r.Key]
	switch {
	case stored == nil && r.Kind == Leases && r.Verb == Update && r.Object.GetUID() != "":
		return Answer{Err: r.Kind.conflict(r.Key.Name)} // of Leases alone an update may make one, and this one has another uid
	case stored == nil && r.Kind == Leases && r.Verb == Update:
		made := *r
		made.Object = r.Object.DeepCopyObject().(client.Object)
		made.Object.SetResourceVersion("")
		return s.create(&made)
	case stored == nil:
		return Answer{Err: r.Kind.notFound(r.Key.Name)}
	}
	wanted, version := r.Object, r.Object.GetResourceVersion()
	if r.Verb == Patch {
		version = r.version
	}
	switch {
	case r.Verb == Update && wanted.GetUID() != "" && wanted.GetUID() != stored.GetUID():
		return Answer{Err: r.Kind.conflict(r.Key.Name)}
	case r.Verb == Update && version == "":
		return Answer{Err: apierrors.NewInvalid(r.Kind.groupKind, r.Key.Name, nil)}
	case version != "" && version != stored.GetResourceVersion():
		return Answer{Err: r.Kind.conflict(r.Key.Name)}
	case r.Verb == Patch && version == "":
		// With the revision it was made against, what a patch leads to is what its maker had in mind. Without, it is applied to whatever there is.
		var err error
		if wanted, err = r.merge(stored); err != nil {
			return Answer{Err: err}
		}
	}
	changed := stored.DeepCopyObject().(client.Object)
	if r.Status {
		r.Kind.takeStatus(changed, wanted)
	} else {
		changed.SetLabels(wanted.GetLabels())
		changed.SetAnnotations(wanted.GetAnnotations())
		r.Kind.takeSpec(changed, wanted)
	}
	changed = changed.DeepCopyObject().(client.Object) // nothing is shared with the caller's
	r.Kind.fillIn(changed)
	r.Kind.normalize(changed)
	if equality.Semantic.DeepEqual(stored, changed) && !s.unwritten[stored.GetUID()] {
		return Answer{Object: stored}
	}
	if !s.Lawless {
		if err := r.Kind.allows(stored, changed); err != nil {
			return Answer{Err: err}
		}
	}
	if !r.Status && r.Kind.specDiffers(stored, changed) {
		changed.SetGeneration(stored.GetGeneration() + 1)
	}
	s.store(r.Kind, r.Key, watch.Modified, changed)
	return Answer{Object: changed}
}

func (s *Server) delete(r *Request) Answer {
	stored := s.tables[r.Kind.index].objects[r.Key]
	if stored == nil {
		return Answer{Err: r.Kind.notFound(r.Key.Name)}
	}
	if p := r.preconditions; p != nil && (p.UID != nil && *p.UID != stored.GetUID() || p.ResourceVersion != nil && *p.ResourceVersion != stored.GetResourceVersion()) {
		return Answer{Err: r.Kind.conflict(r.Key.Name)}
	}
	s.store(r.Kind, r.Key, watch.Deleted, stored.DeepCopyObject().(client.Object))
	return Answer{}
}

// store gives a change its revision and keeps it.
func (s *Server) store(k *Kind, key types.NamespacedName, event watch.EventType, object client.Object) {
	s.revision++
	object.SetResourceVersion(strconv.FormatUint(s.revision, 10))
	t := &s.tables[k.index]
	before := t.objects[key]
	delete(s.unwritten, object.GetUID())
	if event == watch.Deleted {
		delete(t.objects, key)
	} else {
		t.objects[key] = object
	}
	change := Change{Revision: s.revision, Type: event, Object: object, Before: before}
	t.log = append(t.log, change)
	if s.Changed != nil {
		s.Changed(k, change)
	}
}

// list answers page by page; all pages show one revision.
func (s *Server) list(r *Request) Answer {
	var found []client.Object
	if r.Continue != "" {
		rest, ok := s.pages[r.Continue]
		if !ok {
			return Answer{Err: apierrors.NewResourceExpired("the continue token is too old")}
		}
		found = rest
	} else {
		for _, o := range s.Objects(r.Kind) {
			if r.Kind.matches(o, r) {
				found = append(found, o)
			}
		}
	}
	answer := Answer{Objects: found, Revision: strconv.FormatUint(s.revision, 10)}
	if r.Continue != "" {
		answer.Revision, _, _ = cut(r.Continue)
	}
	size := int(r.Limit)
	if s.PageSize > 0 && (size == 0 || s.PageSize < size) {
		size = s.PageSize
	}
	if size > 0 && len(found) > size {
		answer.Objects = found[:size]
		answer.Continue = fmt.Sprintf("%s/%s/%s", answer.Revision, r.Kind.name, found[size].GetName())
		s.pages[answer.Continue] = found[size:]
	}
	return answer
}
