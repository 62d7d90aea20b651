// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package recorder

import (
	"context"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/history"
)

// page is how many objects a list takes at once.
const page = 500

// snapshot writes down all there is at one revision, which it returns: a beginning, or what is found after a gap.
func (r *Recorder) snapshot(ctx context.Context, first bool, after uint64, why string) (uint64, error) {
	for {
		entries, revision, err := r.listAll(ctx)
		if err != nil {
			if ctx.Err() != nil || fatal(err) {
				return 0, err
			}
			r.complain("Listing failed; trying again", "", err)
			if err := r.wait(ctx); err != nil {
				return 0, err
			}
			continue
		}
		head := history.Entry{Type: history.Began, Revision: revision, Seen: r.Clock.Now()}
		if !first {
			head.Type, head.After, head.Why = history.Missed, after, why
		}
		for _, e := range append([]history.Entry{head}, entries...) {
			if err := r.write(e); err != nil {
				return 0, err
			}
		}
		return revision, nil
	}
}

// fatal errors are not helped by trying again.
func fatal(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || apierrors.IsNotFound(err) || apierrors.IsBadRequest(err)
}

// listAll lists all kinds as they were at one revision.
func (r *Recorder) listAll(ctx context.Context) ([]history.Entry, uint64, error) {
	var entries []history.Entry
	at := ""
	for _, kind := range kinds {
		options := metav1.ListOptions{Limit: page}
		if at != "" {
			options.ResourceVersion, options.ResourceVersionMatch = at, metav1.ResourceVersionMatchExact
		}
		for {
			list, err := r.Client.Resource(kind).Namespace(r.Namespace).List(ctx, options)
			if err != nil {
				return nil, 0, fmt.Errorf("listing %s: %w", kind.Resource, err)
			}
			at = list.GetResourceVersion()
			for i := range list.Items {
				object, err := read(&list.Items[i])
				if err != nil {
					return nil, 0, err
				}
				if object != nil {
					entries = append(entries, history.Entry{Type: history.Listed, Object: object, Seen: r.Clock.Now()})
				}
			}
			if options.Continue = list.GetContinue(); options.Continue == "" {
				break
			}
			options.ResourceVersion, options.ResourceVersionMatch = "", ""
		}
	}
	revision, err := strconv.ParseUint(at, 10, 64)
	for i := range entries {
		entries[i].Revision = revision
	}
	return entries, revision, err
}

// read makes an object of its kind of what the API server told; nil: it is none of ours. Who manages which field is left out.
func read(u *unstructured.Unstructured) (client.Object, error) {
	if u.GetKind() == "Event" {
		about, _, _ := unstructured.NestedString(u.Object, "regarding", "kind")
		group, _, _ := unstructured.NestedString(u.Object, "regarding", "apiVersion")
		if about != "UserSession" || group != licensing.GroupVersion.String() {
			return nil, nil
		}
	}
	u.SetManagedFields(nil)
	text, err := u.MarshalJSON()
	if err != nil {
		return nil, err
	}
	return history.ReadObject(text)
}
