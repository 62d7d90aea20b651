// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// Type is what an entry of a history tells.
type Type string

// The types of entries.
const (
	// Began: the history begins with a list of all there was at this revision; Listed entries follow.
	Began Type = "BEGAN"
	// Missed: the changes after Entry.After and up to this revision were not seen; a new list follows.
	Missed Type = "MISSED"
	// Listed: the object was there at this revision.
	Listed Type = "LISTED"
	// Added, Modified, Deleted: the object was changed at this revision; it is as it was after that, or last before it was deleted.
	Added    Type = "ADDED"
	Modified Type = "MODIFIED"
	Deleted  Type = "DELETED"
	// Marked: every later revision was made after Entry.Seen, by the recorder's clock.
	Marked Type = "MARKED"
)

// Entry is one line of a history.
type Entry struct {
	Type     Type   `json:"type"`
	Revision uint64 `json:"revision,string"`
	// Seen is when the recorder saw it, so that the change was made no later; zero: unknown. Of a mark: see Marked.
	Seen time.Time `json:"seen,omitzero"`
	// After and Why belong to Missed.
	After uint64 `json:"after,string,omitempty"`
	Why   string `json:"why,omitempty"`
	// Object is a LicensePool, LicenseAccount, UserSession or an Event (events.k8s.io/v1).
	Object client.Object `json:"object,omitempty"`
}

// UnmarshalJSON reads an entry with an object of any of the kinds.
func (e *Entry) UnmarshalJSON(text []byte) error {
	type plain Entry
	line := struct {
		*plain
		Object json.RawMessage `json:"object"`
	}{plain: (*plain)(e)}
	if err := json.Unmarshal(text, &line); err != nil {
		return err
	}
	if len(line.Object) == 0 {
		return nil
	}
	object, err := ReadObject(line.Object)
	e.Object = object
	return err
}

// ReadObject reads an object of one of the kinds of a history.
func ReadObject(text []byte) (client.Object, error) {
	var kind metav1.TypeMeta
	if err := json.Unmarshal(text, &kind); err != nil {
		return nil, err
	}
	var object client.Object
	switch kind.Kind {
	case "LicensePool":
		object = &licensing.LicensePool{}
	case "LicenseAccount":
		object = &licensing.LicenseAccount{}
	case "UserSession":
		object = &licensing.UserSession{}
	case "Event":
		object = &eventsv1.Event{}
	default:
		return nil, fmt.Errorf("the kind must be LicensePool, LicenseAccount, UserSession or Event, not %q", kind.Kind)
	}
	return object, json.Unmarshal(text, object)
}

// Change makes an entry of an object at its own revision.
func Change(t Type, object client.Object, seen time.Time) (Entry, error) {
	revision, err := strconv.ParseUint(object.GetResourceVersion(), 10, 64)
	if err != nil {
		return Entry{}, fmt.Errorf("the resourceVersion of %s must be a number: %w", object.GetName(), err)
	}
	return Entry{Type: t, Revision: revision, Seen: seen, Object: object}, nil
}

// Write appends an entry: one line of JSON.
func Write(w io.Writer, e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// Read reads all entries and puts them into the order of revisions: watches of several kinds are written down as they come. A last line that was cut off in the middle is left out,
// as a recorder that was killed leaves it.
func Read(r io.Reader) ([]Entry, error) {
	var entries []Entry
	reader := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d must be an entry of a history: %w", number, err)
		}
		entries = append(entries, e)
	}
	Sort(entries)
	return entries, nil
}

// Sort puts entries into the order of revisions. Of one revision the change comes first, then a list at it, which shows the change already, then a mark.
func Sort(entries []Entry) {
	place := map[Type]int{Marked: 2, Began: 1, Missed: 1, Listed: 1}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		if a.Revision != b.Revision {
			if a.Revision < b.Revision {
				return -1
			}
			return 1
		}
		return place[a.Type] - place[b.Type]
	})
}
