// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gatewayapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// Every word of an enumeration is one of the kinds', and the other way round.
func TestEnumerationsAreTheKinds(t *testing.T) {
	schemas := document(t).Components.Schemas
	for name, kind := range map[string][]string{
		"ClientMode": words(licensing.ClientModeNotApplicable, licensing.ClientModeDesktop, licensing.ClientModeVoice, licensing.ClientModeHandheld, licensing.ClientModeCE),
		"SessionType": words(licensing.SessionTypeNotApplicable, licensing.SessionTypeInteractive, licensing.SessionTypeBackgroundService,
			licensing.SessionTypeWebServices),
		"SessionState":   words(licensing.SessionPending, licensing.SessionActive, licensing.SessionDenied, licensing.SessionTerminated),
		"SeatType":       words(licensing.SeatNamed, licensing.SeatConcurrent, licensing.SeatUncounted),
		"LicensingModel": words(licensing.ModelNamed, licensing.ModelConcurrent, licensing.ModelCombined),
		"TerminationAction": words(licensing.NotTerminated, licensing.RequestedByUser, licensing.RequestedByAdministrator, licensing.OldestSessionTerminated,
			licensing.ExpiredSessionTerminated, licensing.TerminatedBySystem),
	} {
		var documented []string
		for _, word := range schemas[name].Value.Enum {
			documented = append(documented, word.(string))
		}
		slices.Sort(kind)
		slices.Sort(documented)
		if !slices.Equal(kind, documented) {
			t.Errorf("%s: the document has %v, the kinds %v", name, documented, kind)
		}
	}
}

func words[T ~string](values ...T) []string {
	out := make([]string, 0, len(values))
	for _, value := range values {
		out = append(out, string(value))
	}
	return out
}

// A reason that a condition states too is the same word there.
func TestReasonsAreTheConditions(t *testing.T) {
	for ours, theirs := range map[gatewayapi.Reason]string{
		gatewayapi.ReasonAccountRequired:    licensing.ReasonAccountRequired,
		gatewayapi.ReasonAccountDisabled:    licensing.ReasonAccountDisabled,
		gatewayapi.ReasonAccountNotLicensed: licensing.ReasonAccountNotLicensed,
		gatewayapi.ReasonModelNotLicensed:   licensing.ReasonModelNotLicensed,
		gatewayapi.ReasonPoolNotFound:       licensing.ReasonPoolNotFound,
		gatewayapi.ReasonPoolNotInForce:     licensing.ReasonPoolNotInForce,
		gatewayapi.ReasonSeatsExhausted:     licensing.ReasonSeatsExhausted,
		gatewayapi.ReasonWaitExpired:        licensing.ReasonWaitExpired,
		gatewayapi.ReasonUserLimitReached:   licensing.ReasonUserLimitReached,
		gatewayapi.ReasonTerminated:         licensing.ReasonTerminated,
	} {
		if ours != theirs {
			t.Errorf("the gateway says %s, the condition %s", ours, theirs)
		}
	}
}

func TestProblemIsWrittenAsRFC9457Asks(t *testing.T) {
	at := time.Date(2026, 3, 2, 8, 45, 0, 0, time.UTC)
	for _, tc := range []struct {
		problem *gatewayapi.Problem
		want    string
	}{
		{
			gatewayapi.NewEnded(gatewayapi.TerminationActionRequestedByAdministrator, "Maintenance at nine.", at),
			`{"detail":"Maintenance at nine.","reason":"Terminated","status":410,"terminatedTime":"2026-03-02T08:45:00Z","terminationAction":"RequestedByAdministrator",` +
				`"title":"The session has ended","type":"urn:seatkeeper:problem:Terminated"}`,
		},
		{
			gatewayapi.NewProblem(gatewayapi.ReasonUnauthenticated, ""),
			`{"reason":"Unauthenticated","status":401,"title":"The token is missing or not valid","type":"urn:seatkeeper:problem:Unauthenticated"}`,
		},
		{
			gatewayapi.NewProblem("NoSuchWord", ""),
			`{"reason":"Internal","status":500,"title":"A fault of the gateway","type":"urn:seatkeeper:problem:Internal"}`,
		},
	} {
		answer := httptest.NewRecorder()
		tc.problem.Write(answer)
		if got := strings.TrimSpace(answer.Body.String()); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
		if answer.Code != tc.problem.Status || answer.Header().Get("Content-Type") != gatewayapi.ProblemContentType {
			t.Errorf("status %d, content type %s", answer.Code, answer.Header().Get("Content-Type"))
		}
		if got := answer.Header().Get("WWW-Authenticate"); (got == "Bearer") != (answer.Code == http.StatusUnauthorized) {
			t.Errorf("status %d with WWW-Authenticate %q", answer.Code, got)
		}
		if !json.Valid(answer.Body.Bytes()) {
			t.Error("not JSON")
		}
	}
}
