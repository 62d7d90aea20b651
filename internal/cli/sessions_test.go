// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

// people are sessions of each kind: named and concurrent, shared, waiting, denied, ended, and one with text that would speak to a terminal.
func people() []*maker.UserSessionBuilder {
	return []*maker.UserSessionBuilder{
		session("ann-web", "itsm").User(`CORP\ann`).FullName("Ann Archer").ClientIP("192.0.2.12").ClientHost("desk-12").Interactive(licensing.ClientModeDesktop).
			Active(licensing.SeatNamed, "c-1", noon.Add(-2*time.Hour)).LastActivity(noon.Add(-40 * time.Second)).LastHeartbeat(noon.Add(-20 * time.Second)).KeepAlive(true).Message("The session has a named seat."),
		session("ann-mob", "itsm").User(`corp\ANN`).FullName("Ann Archer").Module("Mobile").ClientIP("2001:db8::7").
			Active(licensing.SeatNamed, "c-1", noon.Add(-time.Hour)).LastActivity(noon.Add(-3 * time.Minute)).KeepAlive(true),
		session("bob-web", "itsm").User("bob@example.com").ClientIP("192.0.2.77").
			Active(licensing.SeatConcurrent, "c-2", noon.Add(-31*time.Minute)).LastActivity(noon.Add(-29 * time.Minute)).Timeout(noon.Add(time.Minute)).KeepAlive(true),
		session("eve-web", "itsm").CreatedAt(noon.Add(-30 * time.Second)).User("eve@example.com").FullName("Eve \u202eEvil").ClientIP("192.0.2.80").Waiting(noon.Add(time.Minute)).Message("All 50 concurrent seats are taken."),
		session("fay-inv", "itsm").User("fay").Module("Network Inventory").Pool("inventory").Active(licensing.SeatConcurrent, "c-3", noon.Add(-76*time.Hour)).LastActivity(noon.Add(-26 * time.Hour)).KeepAlive(false),
		session("gus-web", "itsm").User("gus").Denied(licensing.ReasonAccountDisabled, noon.Add(-time.Minute)).Message("The account is disabled."),
		session("hal-web", "itsm").User("hal").Active(licensing.SeatConcurrent, "c-4", noon.Add(-3*time.Hour)).LastActivity(noon.Add(-2*time.Hour)).
			Terminated(licensing.ExpiredSessionTerminated, noon.Add(-90*time.Minute)).Message("The session was idle for 30m0s, since 2026-03-02T10:00:00Z."),
		session("robot", "itsm").User("svc-robot").Pool("inventory").SystemLogin().Active(licensing.SeatUncounted, "", noon.Add(-time.Hour)).KeepAlive(true),
	}
}

func (s *site) sessions(t *testing.T) {
	ctx := t.Context()
	t.Run("says where to look when there are none", func(t *testing.T) {
		out, errOut, err := s.viewer.seats(ctx, "sessions", "-n", "itsm")
		check(t, err)
		want(t, out, "")
		want(t, errOut, "No live sessions in namespace itsm. `kubectl seats sessions -A` looks in all.\n")
		out, _, err = s.viewer.seats(ctx, "sessions", "-n", "itsm", "-o", "json")
		check(t, err)
		var list licensing.UserSessionList
		check(t, json.Unmarshal([]byte(out), &list))
		if list.Kind != "UserSessionList" || list.Items == nil || len(list.Items) != 0 {
			t.Errorf("an empty list must be one: %s", out)
		}
	})
	s.make(t, maker.MakeLicensePool("service-desk").Namespace("itsm").Named(5).Concurrent(50).Obj(), maker.MakeLicensePool("inventory").Namespace("itsm").Concurrent(3).Obj())
	for _, b := range people() {
		s.make(t, b.Obj())
	}

	for name, args := range map[string][]string{
		"table":         nil,
		"wide":          {"-o", "wide"},
		"all":           {"--all", "--sort-by", "-state"},
		"one-model":     {"--pool", "inventory", "--no-headers=false"},
		"by-user":       {"--user", `CORP\ANN`},
		"by-pattern":    {"--user", "*@example.com"},
		"idle":          {"--idle-over", "28m"},
		"by-state":      {"--state", "denied,Terminated", "-o", "wide"},
		"by-text":       {"--text", "ARCHER", "--module", "Mobile"},
		"by-field":      {"--field-selector", "spec.userName=fay"},
		"longest-idle":  {"--sort-by", "last-activity", "--no-headers"},
		"names":         {"-o", "name", "--sort-by", "-name"},
		"small-pages":   {"--chunk-size", "1"},
		"none-as-asked": {"--user", "nobody"},
		"no-such-pool":  {"--pool", "invention"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errOut, err := s.viewer.seats(ctx, append([]string{"sessions", "-n", "itsm"}, args...)...)
			check(t, err)
			golden(t, "sessions-"+name, []byte(out+errOut))
		})
	}
	t.Run("of all namespaces", func(t *testing.T) {
		out, _, err := s.admin.seats(ctx, "sessions", "-A", "--pool", "inventory")
		check(t, err)
		golden(t, "sessions-all-namespaces", []byte(out))
		s.namespace(t, "alike")
		s.make(t, maker.MakeLicensePool("inventory").Namespace("alike").Concurrent(2).Obj(), session("alike", "alike").Pool("inventory").Obj())
		both, note, err := s.admin.seats(ctx, "sessions", "-A", "--pool", "inventory", "-o", "wide")
		check(t, err)
		one, silence, err := s.admin.seats(ctx, "sessions", "-A", "--pool", "alike/inventory")
		check(t, err)
		if !strings.Contains(both, "robot") || !strings.Contains(both, "alike") || strings.Contains(one, "robot") || !strings.Contains(one, "alike") {
			t.Errorf("of both pools:\n%s\nof one:\n%s", both, one)
		}
		want(t, note, "--pool inventory stands for 2 pools: alike/inventory, itsm/inventory. NAMESPACE/NAME names one.\n")
		want(t, silence, "")
		accounts, _, err := s.admin.seats(ctx, "accounts", "-A", "--pool", "alike/inventory", "-o", "name")
		check(t, err)
		want(t, accounts, "")
		_, _, err = s.viewer.seats(ctx, "sessions", "-A")
		wantError(t, err, "forbidden", "kubectl create clusterrolebinding NAME --clusterrole=seatkeeper-viewer --user=system:serviceaccount:default:viewer")
	})
	t.Run("as data", func(t *testing.T) {
		for format, decode := range map[string]func([]byte, any) error{
			"json": json.Unmarshal, "yaml": func(text []byte, into any) error { return yaml.UnmarshalStrict(text, into) },
		} {
			out, _, err := s.viewer.seats(ctx, "sessions", "-n", "itsm", "--all", "--chunk-size=3", "-o", format)
			check(t, err)
			var list licensing.UserSessionList
			check(t, decode([]byte(out), &list))
			if len(list.Items) != len(people()) || list.Kind != "UserSessionList" || list.Items[0].Kind != "UserSession" || list.Items[0].ManagedFields != nil {
				t.Errorf("%s: unexpected list of %d", format, len(list.Items))
			}
			for i, b := range people() {
				if list.Items[i].Status.Message != findByName(people(), list.Items[i].Name).Status.Message {
					t.Errorf("%s: %d (%s): %q", format, i, b.Obj().Name, list.Items[i].Status.Message)
				}
			}
		}
	})
	t.Run("never to nobody", func(t *testing.T) {
		out, _, err := s.nobody.seats(ctx, "sessions", "-n", "itsm")
		wantError(t, err, "forbidden", "kubectl create rolebinding NAME --clusterrole=seatkeeper-viewer --user=system:serviceaccount:default:nobody -n itsm")
		want(t, out, "")
	})
	t.Run("refuses what makes no sense", func(t *testing.T) {
		for _, test := range []struct {
			args []string
			want string
		}{
			{[]string{"ann-web"}, "kubectl seats show ann-web"},
			{[]string{"--state", "On"}, "--state must be of Pending, Active, Denied and Terminated"},
			{[]string{"--state", "Active", "--all"}, "exclude each other"},
			{[]string{"-w", "--refresh"}, "exclude each other"},
			{[]string{"-w", "--idle-over", "1h"}, "exclude each other"},
			{[]string{"--sort-by", "age"}, "the order must be one of name, user"},
			{[]string{"-l", "a=b=c"}, "--selector cannot be read"},
			{[]string{"--field-selector", "spec.module=Web"}, "field label not supported"},
			{[]string{"--idle-over", "-1h"}, "must not be negative"},
			{[]string{"--chunk-size", "-1"}, "must not be negative"},
			{[]string{"-o", "xml"}, "--output must be one of table, wide, json, yaml, name"},
		} {
			_, _, err := s.viewer.seats(ctx, append([]string{"sessions", "-n", "itsm"}, test.args...)...)
			wantError(t, err, test.want)
		}
	})
	t.Run("prints nothing that speaks to a terminal", func(t *testing.T) {
		out, _, err := s.viewer.seats(ctx, "sessions", "-n", "itsm", "-o", "wide")
		check(t, err)
		if strings.ContainsAny(out, "\u202e\x1b") || !strings.Contains(out, "Eve \ufffdEvil") {
			t.Errorf("got %q", out)
		}
	})
}

func findByName(builders []*maker.UserSessionBuilder, name string) *licensing.UserSession {
	for _, b := range builders {
		if s := b.Obj(); s.Name == name {
			return s
		}
	}
	return &licensing.UserSession{}
}
