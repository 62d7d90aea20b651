// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package grid

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/facts"
)

// Field is one thing that is known of a session (C1).
type Field struct {
	Label string
	// Value is the field's text; of several lines where it is Long. Empty with a zero Time: there is none.
	Value string
	// Time is the field's time, to be shown in both formats (B7); then Value is empty, or says what there is to say beside it.
	Time time.Time
	// Long: the value may have several lines.
	Long bool
}

// Section is fields that belong together.
type Section struct {
	Title  string
	Fields []Field
}

// Details are every field of C1 of a session. The asker is the user name of who asks, by which the current session is told; empty: not known. With fresh, what a gateway knows takes the place of what
// is on record.
func Details(s *licensing.UserSession, asker string, fresh *Fresh) []Section {
	row := NewRow(s, true)
	if fresh != nil {
		row.Refresh(*fresh)
	}
	return []Section{
		{"Session", session(s, &row, asker)},
		{"User and client", people(s)},
		{"Activity", activity(s, &row)},
		{"End", end(s, &row)},
		{"Application", application(s)},
	}
}

func session(s *licensing.UserSession, row *Row, asker string) []Field {
	return []Field{
		{Label: "Name", Value: s.Name},
		{Label: "Namespace", Value: s.Namespace},
		{Label: "Unique id", Value: string(s.UID)},
		{Label: "Public session token", Value: "known to the session's client alone; it is not stored"},
		{Label: "Pool", Value: s.Spec.PoolRef.Name},
		{Label: "Module", Value: string(s.Spec.Module)},
		{Label: "Session type", Value: string(s.Spec.Type)},
		{Label: "State", Value: string(row.State)},
		{Label: "Reason", Value: row.Reason},
		{Label: "Message", Value: row.Message},
		{Label: "Seat", Value: string(row.Seat)},
		{Label: "Connection", Value: connection(s)},
		{Label: "Current session", Value: current(s, asker)},
		{Label: "System login", Value: yesNo(s.Spec.SystemLogin)},
		{Label: "Single sign-on", Value: yesNo(s.Spec.SingleSignOn)},
		{Label: "Created by", Value: s.Spec.CreatedBy},
		{Label: "Created on", Time: s.CreationTimestamp.Time},
		{Label: "Instance name", Value: s.Spec.InstanceName},
	}
}

func connection(s *licensing.UserSession) string {
	switch s.Status.Connection {
	case "":
		return ""
	case string(s.UID):
		return "its own"
	default:
		return "shared, opened by the session with the unique id " + s.Status.Connection
	}
}

// current says whether the session is one of who asks. A program that asks the API server runs in no session, so it goes by the user.
func current(s *licensing.UserSession, asker string) string {
	if asker == "" {
		return "unknown: who asks is not known"
	}
	return yesNo(Own(s.Spec.UserName, asker))
}

// Own says whether a session of this user is one of who asks; the case of names does not matter.
func Own(user, asker string) bool { return asker != "" && Fold(user) == Fold(asker) }

func people(s *licensing.UserSession) []Field {
	c := s.Spec.Client
	if c == nil {
		c = &licensing.Client{Mode: licensing.ClientModeNotApplicable}
	}
	return []Field{
		{Label: "User name", Value: s.Spec.UserName},
		{Label: "Full name", Value: s.Spec.UserFullName},
		{Label: "Client host name", Value: c.HostName},
		{Label: "Client IP", Value: c.IP},
		{Label: "Client user name", Value: c.UserName},
		{Label: "Client mode", Value: string(c.Mode)},
		{Label: "User agent", Value: c.UserAgent},
	}
}

func activity(s *licensing.UserSession, row *Row) []Field {
	fields := []Field{
		{Label: "Logon", Time: row.Logon},
		{Label: "Last access", Time: row.LastActivity, Value: lag(row)},
		{Label: "Duration", Value: duration(row)},
		{Label: "Last heartbeat", Time: row.LastHeartbeat},
		{Label: "Heard by", Value: s.Status.HeardBy},
		{Label: "Unsaved work", Value: yesNo(row.UnsavedWork)},
		{Label: "Keep alive", Value: maybe(row.KeepAlive)},
		{Label: "Timeout on", Time: row.Timeout},
	}
	if until := facts.Time(s.Status.WaitUntilTime); !until.IsZero() {
		fields = append(fields, Field{Label: "Waits until", Time: until})
	}
	return fields
}

// lag says of a last activity that is the record's that it may be older than the truth.
func lag(row *Row) string {
	if row.State != licensing.SessionActive || row.Exact {
		return ""
	}
	return "as recorded"
}

func duration(row *Row) string {
	if d, ok := row.Duration(); ok {
		return Period(d)
	}
	return ""
}

func end(s *licensing.UserSession, row *Row) []Field {
	action := s.Status.TerminationAction
	if action == "" {
		action = licensing.NotTerminated
	}
	fields := []Field{
		{Label: "Termination action", Value: string(action)},
		{Label: "Terminated on", Time: row.Ended},
	}
	if t := s.Spec.Termination; t != nil {
		fields = append(fields, Field{Label: "Asked to end by", Value: string(t.RequestedBy)}, Field{Label: "Asked with the message", Value: t.Message})
	}
	return fields
}

func application(s *licensing.UserSession) []Field {
	applications, attributes := s.Spec.Applications, s.Spec.SessionAttributes
	if s.Status.Applications != nil {
		applications = s.Status.Applications
	}
	if s.Status.SessionAttributes != nil {
		attributes = s.Status.SessionAttributes
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		lines = append(lines, fmt.Sprintf("%s=%s", name, attributes[name]))
	}
	return []Field{
		{Label: "Applications open", Value: strings.Join(applications, ", ")},
		{Label: "Number of session attributes", Value: strconv.Itoa(len(attributes))},
		{Label: "Session attributes", Value: strings.Join(lines, "\n"), Long: true},
		{Label: "Extra attributes", Value: indented(s.Spec.ExtraAttributes), Long: true},
	}
}

// indented is JSON on several lines; text that is none stays as it is.
func indented(text string) string {
	var out bytes.Buffer
	if json.Indent(&out, []byte(strings.TrimSpace(text)), "", "  ") != nil {
		return text
	}
	return out.String()
}

func yesNo(b bool) string {
	if b {
		return "Yes"
	}
	return "No"
}

func maybe(b *bool) string {
	if b == nil {
		return ""
	}
	return yesNo(*b)
}
