// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// eachPage reads a list of objects a page at a time, options.Limit of them, and has each visited, which may keep it: each is made anew, of the empty one. It returns the revision of the first page. When the API server has forgotten where
// the list was, since the visitor took minutes, it goes on with what there is now. An error of the API server is told as one about this subject.
func eachPage[L client.ObjectList](ctx context.Context, api client.Reader, empty L, options *client.ListOptions, about subject, visit func(L) error) (revision string, err error) {
	for {
		page := empty.DeepCopyObject().(L)
		if err := api.List(ctx, page, options); err != nil {
			if next, ok := onwards(err); ok && options.Continue != "" {
				options.Continue = next
				continue
			}
			return "", explain(err, about)
		}
		if revision == "" {
			revision = page.GetResourceVersion()
		}
		if err := visit(page); err != nil {
			return "", err
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return revision, nil
		}
	}
}

// onwards is where to go on after the API server has forgotten where a list was.
func onwards(err error) (token string, ok bool) {
	status := apierrors.APIStatus(nil)
	if !apierrors.IsResourceExpired(err) || !errors.As(err, &status) {
		return "", false
	}
	token = status.Status().Continue
	return token, token != ""
}
