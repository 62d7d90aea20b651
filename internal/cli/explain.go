// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatkeeper/seatkeeper/internal/permission"
)

// advised is an error that says what to do next.
type advised struct {
	error

	advice string
}

func (a *advised) Error() string { return a.error.Error() + "\n" + a.advice }
func (a *advised) Unwrap() error { return a.error }

// advise adds to an error what to do next.
func advise(err error, advice string) error { return &advised{err, advice} }

// subject is what a command was about when it failed.
type subject struct {
	// plural is what the objects are called, as in "license pools".
	plural string
	// namespace they were looked for in; empty: all.
	namespace string
	// role is the ClusterRole that lets one do what was tried.
	role string
	// list is the command that shows which objects there are.
	list string
}

// unconfigured is where kubectl's own flags look for a cluster that nothing names.
const unconfigured = "http://localhost:8080/"

// misconfigured says what to do next where the kubeconfig, or what the flags choose of it, is of no use.
func misconfigured(err error) error {
	return advise(err, "--kubeconfig or KUBECONFIG must name a kubeconfig, and --context one of its contexts: `kubectl config get-contexts` lists them.")
}

// explain adds what to do next to errors that users can do something about.
func explain(err error, s subject) error {
	var unreachable *url.Error
	switch {
	case err == nil:
		return nil
	case apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse) && apierrors.IsNotFound(err):
		return advise(err, "The cluster does not know Seatkeeper's kinds. Install them (`make install`, or `kubectl apply -k config/install`), "+
			"or choose another cluster by --context.")
	case apierrors.IsNotFound(err) && s.list != "":
		if s.namespace != "" { // which the API server's message leaves out, and whoever forgot --namespace must see
			err = fmt.Errorf("%w in namespace %s", err, s.namespace)
		}
		return advise(err, "`"+s.list+"` lists the "+s.plural+" there are.")
	case apierrors.IsForbidden(err) && s.role != "":
		return advise(err, s.remedy(err))
	case apierrors.IsUnauthorized(err):
		return advise(err, "The cluster does not accept your credentials: sign in to it anew, or choose another user by --context.")
	case errors.As(err, &unreachable) && strings.HasPrefix(unreachable.URL, unconfigured):
		return advise(err, "The cluster cannot be reached. This address is tried where none is configured: set KUBECONFIG, or give --kubeconfig.")
	case errors.As(err, &unreachable):
		return advise(err, "The cluster cannot be reached. See whether it runs, and whether the context is the one you mean: `kubectl config current-context`.")
	default:
		return err
	}
}

// remedy says how the user whom the API server refused something may get to it.
func (s subject) remedy(refused error) string {
	return "Who administers the cluster can let you: `" + permission.ClusterRole(refused, s.role, s.namespace) + "`."
}
