// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// problem is why a call is not answered as its caller wants.
type problem struct {
	*gatewayapi.Problem
	// retry is when to try again, where that may help; default 1 s.
	retry time.Duration
}

func retryAfter(p *problem) string {
	return strconv.Itoa(max(1, int((p.retry+time.Second-1)/time.Second)))
}

func refused(reason gatewayapi.Reason, format string, args ...any) *problem {
	return &problem{Problem: gatewayapi.NewProblem(reason, fmt.Sprintf(format, args...))}
}

// bad refuses what cannot be read (400), and says what must be.
func bad(format string, args ...any) *problem {
	return refused(gatewayapi.ReasonBadRequest, format, args...)
}

// invalid refuses facts that break a rule (422).
func invalid(format string, args ...any) *problem {
	return refused(gatewayapi.ReasonInvalid, format, args...)
}

func unauthenticated() *problem {
	return refused(gatewayapi.ReasonUnauthenticated, "The request must carry a valid token: Authorization: Bearer <token>.")
}

func tooMany() *problem {
	return refused(gatewayapi.ReasonTooManyRequests, "Try again after the time that Retry-After states.")
}

func sessionGone() *problem {
	return refused(gatewayapi.ReasonSessionGone, "The session has ended and its record was cleared.")
}

func unavailable(retry time.Duration, detail string) *problem {
	p := refused(gatewayapi.ReasonUnavailable, "%s", detail)
	p.retry = retry
	return p
}

// apiAway is the answer while the API server gives none.
func apiAway() *problem {
	return unavailable(5*time.Second, "The Kubernetes API server does not answer.")
}

// stopping is the answer of a replica that is told to stop: another takes the next try.
func stopping() *problem {
	return unavailable(time.Second, "This replica is stopping; another will answer.")
}

// ended is the answer about a session that has ended (410).
func ended(e *activity.End) *problem {
	if e.Action == "" || e.Action == licensing.NotTerminated {
		return refused(gatewayapi.ReasonTerminated, "%s", e.Message) // it was denied, and never began
	}
	return &problem{Problem: gatewayapi.NewEnded(gatewayapi.TerminationAction(e.Action), e.Message, e.Time.UTC())}
}

func firstUpper(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
