// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// isAnswer says whether the API server answered, and will answer the same the next time. Time-outs, faults and too much to do are no answers.
func isAnswer(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) ||
		apierrors.IsUnauthorized(err) || apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsMethodNotSupported(err) || apierrors.IsConflict(err)
}

// createProblem tells the caller why the API server did not take the session.
func createProblem(err error, l *login) *problem {
	switch {
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return invalid("%s", sentences(err))
	case apierrors.IsNotFound(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return poolNotFound(l.pool)
	case apierrors.IsForbidden(err):
		// A quota or a policy of the cluster's administrator; it names the object, and no secret.
		return refused(gatewayapi.ReasonForbidden, "The cluster does not allow the session: %s", firstLine(err.Error()))
	case apierrors.IsRequestEntityTooLargeError(err):
		return refused(gatewayapi.ReasonTooLarge, "The login must be smaller: the API server does not take it.")
	default:
		return apiAway()
	}
}

// sentences are the API server's causes as sentences that name the fields of the login. Several fields may be wrong.
func sentences(err error) string {
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return firstLine(err.Error())
	}
	var said []string
	known := map[string]bool{}
	for _, cause := range status.Status().Details.Causes {
		if strings.Contains(cause.Message, notAllChecked) {
			continue
		}
		if text := sentence(cause); !known[text] {
			known[text] = true
			said = append(said, text)
		}
	}
	if len(said) > 8 {
		said = said[:8]
	}
	return strings.Join(said, " ")
}

// notAllChecked is a cause that says nothing of the login.
const notAllChecked = "some validation rules were not checked"

// tooLong is how the API server speaks of a text that has too many characters: that they are not bytes it does not say.
var tooLong = regexp.MustCompile(`^may not be more than (\d+) bytes$`)

// refusedValue is what the API server puts before what must be: the value that it refused.
var refusedValue = regexp.MustCompile(`^(?:Invalid value|Required value|Unsupported value|Too long|Too many|Forbidden|Duplicate value)(?:: (?:"(?:[^"\\]|\\.)*"|[-+.\w]+|\{.*?\}|\[.*?\]|map\[.*?\]))?(?:: |$)`)

// sentence is one cause, less the value that was refused: the caller knows it, and a log should not.
func sentence(cause metav1.StatusCause) string {
	field := strings.TrimPrefix(strings.TrimPrefix(cause.Field, "spec."), "spec")
	text := refusedValue.ReplaceAllString(cause.Message, "")
	text = strings.TrimPrefix(text, cause.Field+" in body ")
	text = tooLong.ReplaceAllString(text, "must have at most $1 characters")
	if values, ok := strings.CutPrefix(text, "supported values: "); ok {
		text = "must be one of " + values
	}
	switch {
	case text == "" && cause.Type == metav1.CauseTypeFieldValueRequired:
		text = field + " must be stated"
	case text == "":
		text = field + ": " + cause.Message
	case field != "" && !strings.HasPrefix(text, field) && !strings.Contains(text, lastName(field)):
		text = field + " " + text
	}
	return strings.TrimSuffix(text, ".") + "."
}

// lastName is the last name in a field's path.
func lastName(field string) string {
	field, _, _ = strings.Cut(field, "[")
	return field[strings.LastIndex(field, ".")+1:]
}

func firstLine(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return strings.TrimSuffix(cut(text, 1024), ".") + "."
}
