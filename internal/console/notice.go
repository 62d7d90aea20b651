// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"errors"
	"fmt"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// notice is a sentence in the place of data, or above data that may be old.
type notice struct {
	Text string
	// Grave: something is wrong. Otherwise it only is as it is.
	Grave bool
}

// about is what a sentence speaks of.
type about struct {
	// plural is what the objects are called, as in "sessions"; role is the ClusterRole that lets one see them.
	plural, role string
	// namespace is empty for all.
	namespace string
}

func (a about) where() string {
	if a.namespace == "" {
		return "in all namespaces"
	}
	return "in namespace " + a.namespace
}

// explain says in a sentence why something cannot be had, and what to do next.
func explain(err error, a about) notice {
	var unreachable *url.Error
	switch {
	case apierrors.IsForbidden(err):
		text := fmt.Sprintf("You may not see the %s %s. Who administers the cluster can let you, by the role %s.", a.plural, a.where(), a.role)
		if a.namespace == "" {
			text += " Or show one namespace only: start the console with --namespace."
		}
		return notice{Text: text}
	case apierrors.IsUnauthorized(err):
		return notice{"The cluster does not accept your credentials any more. Sign in to it anew, then start the console again.", true}
	case apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return notice{"The cluster does not know Seatkeeper's kinds. Install them with `kubectl apply -k config/install`, or start the console with another --context.", true}
	case apierrors.IsNotFound(err):
		return notice{"It does not exist any more: it was cleared or deleted meanwhile.", false}
	case errors.As(err, &unreachable), apierrors.IsServiceUnavailable(err), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err):
		return notice{"The cluster does not answer. The console keeps trying.", true}
	default:
		return notice{"The cluster answered with an error: " + err.Error(), true}
	}
}

// of says what there is to say about how well a kind is known; nil: it is known, and nothing is wrong.
func (s *state) notice(a about) *notice {
	switch {
	case s.err == nil && s.reading > 0:
		return &notice{Text: fmt.Sprintf("Reading the %s: %d so far …", a.plural, s.reading)}
	case s.err == nil && s.known:
		return nil
	case s.err == nil:
		return &notice{Text: "Reading the " + a.plural + " …"}
	}
	n := explain(s.err, a)
	if s.known && !apierrors.IsForbidden(s.err) {
		n.Text += " What is shown may be old."
	}
	return &n
}
