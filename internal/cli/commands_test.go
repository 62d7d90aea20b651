// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/grid"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

func (s *site) details(t *testing.T) {
	ctx := t.Context()
	s.make(t, session("full", "itsm").User("ina").FullName("Ina None").ClientHost("pc-0815").ClientUser("ina").ClientIP("192.0.2.17").Interactive(licensing.ClientModeHandheld).
		UserAgent("ServiceDesk/8.2\x1b[31m").Applications("Incidents", "Changes").Attribute("site", "Graz\x1b]0;title\x07").ExtraAttributes(`{"theme": "dark"}`).CreatedBy("portal").Instance("app-3").SingleSignOn().
		Active(licensing.SeatConcurrent, "another", noon.Add(-time.Hour)).LastActivity(noon.Add(-time.Minute)).LastHeartbeat(noon).Timeout(noon.Add(29*time.Minute)).KeepAlive(true).Obj())
	full := &licensing.UserSession{}
	check(t, s.API.Get(ctx, keyOf("itsm", "full"), full))
	unstable := []string{string(full.UID), grid.Exact(full.CreationTimestamp.Time), grid.Reader{}.Own(full.CreationTimestamp.Time)}

	t.Run("shows every field, each time in both formats", func(t *testing.T) {
		german := s.viewer
		german.change = func(e *Environment) {
			e.Reader = grid.Reader{Zone: time.FixedZone("CET", 3600), Layout: grid.Layout("de_DE.UTF-8")}
		}
		out, errOut, err := german.seats(ctx, "show", "full", "-n", "itsm", "--refresh")
		check(t, err)
		own := grid.Reader{Zone: time.FixedZone("CET", 3600), Layout: grid.Layout("de_DE.UTF-8")}.Own(full.CreationTimestamp.Time)
		golden(t, "show", shown(out, unstable[0], unstable[1], own))
		if !strings.HasPrefix(errOut, "Last access is as recorded, and may lag: you may not ask the gateway's replicas") {
			t.Errorf("must say why: %s", errOut)
		}
	})
	t.Run("shows those of several that exist, and where to look for the others", func(t *testing.T) {
		out, _, err := s.viewer.seats(ctx, "show", "full", "absent", "-n", "itsm", "--refresh=false")
		wantError(t, err, `"absent" not found in namespace itsm`, "`kubectl seats sessions -A --all` lists")
		if !strings.Contains(out, "ina") {
			t.Error(out)
		}
		_, _, err = s.nobody.seats(ctx, "show", "full", "-n", "itsm")
		wantError(t, err, "forbidden", "seatkeeper-viewer")
		_, _, err = s.viewer.seats(ctx, "show")
		wantError(t, err, "the name of a session is missing")
	})
	t.Run("shows the object itself", func(t *testing.T) {
		out, _, err := s.viewer.seats(ctx, "show", "full", "-n", "itsm", "-o", "json")
		check(t, err)
		got := &licensing.UserSession{}
		check(t, json.Unmarshal([]byte(out), got))
		if got.UID != full.UID || got.Kind != "UserSession" {
			t.Error(out)
		}
	})
	t.Run("shows several objects as a list", func(t *testing.T) {
		out, _, err := s.viewer.seats(ctx, "show", "full", "ann-web", "-n", "itsm", "-o", "yaml")
		check(t, err)
		list := &licensing.UserSessionList{}
		check(t, yaml.UnmarshalStrict([]byte(out), list))
		if len(list.Items) != 2 || list.Kind != "UserSessionList" || list.Items[0].Name != "full" {
			t.Error(out)
		}
	})
	t.Run("names the session whose seat another shares", func(t *testing.T) {
		sharer := session("sharer", "itsm").User("INA").Active(licensing.SeatConcurrent, string(full.UID), noon).LastActivity(noon).Obj()
		s.make(t, sharer)
		out, _, err := s.viewer.seats(ctx, "why", "sharer", "-n", "itsm")
		check(t, err)
		if !strings.Contains(out, "it shares a concurrent seat with the user's session full. [SeatShared]") {
			t.Error(out)
		}
		check(t, s.API.Delete(ctx, sharer))
	})
	t.Run("says why as data", func(t *testing.T) {
		out, _, err := s.viewer.seats(ctx, "why", "gus-web", "-n", "itsm", "-o", "json")
		check(t, err)
		one := story{}
		check(t, json.Unmarshal([]byte(out), &one))
		if one.Name != "gus-web" || one.State != licensing.SessionDenied || len(one.Story) != 3 || one.Story[1].Reason != licensing.ReasonAccountDisabled || !one.Story[2].Time.IsZero() {
			t.Error(out)
		}
		out, _, err = s.viewer.seats(ctx, "why", "gus-web", "absent", "-n", "itsm", "-o", "yaml")
		wantError(t, err, "not found")
		several := stories{}
		check(t, yaml.UnmarshalStrict([]byte(out), &several))
		if len(several.Items) != 1 || several.Items[0].Name != "gus-web" {
			t.Error(out)
		}
	})
	t.Run("says why", func(t *testing.T) {
		out, _, err := s.viewer.seats(ctx, "why", "ann-web", "bob-web", "eve-web", "gus-web", "hal-web", "robot", "-n", "itsm")
		check(t, err)
		created := []string{}
		for _, name := range []string{"ann-web", "bob-web", "eve-web", "gus-web", "hal-web", "robot"} {
			o := &licensing.UserSession{}
			check(t, s.API.Get(ctx, keyOf("itsm", name), o))
			created = append(created, grid.Reader{}.Both(o.CreationTimestamp.Time))
		}
		golden(t, "why", []byte(replaceAll(out, created, "<created>")))
		_, _, err = s.viewer.seats(ctx, "why", "absent", "-n", "itsm")
		wantError(t, err, "not found")
	})
}

func replaceAll(text string, words []string, by string) string {
	for _, word := range words {
		text = strings.ReplaceAll(text, word, by)
	}
	return text
}

func (s *site) accounts(t *testing.T) {
	ctx := t.Context()
	account := func(name, user string) *maker.LicenseAccountBuilder {
		return maker.MakeLicenseAccount(name).Namespace("itsm").Pool("service-desk").User(user)
	}
	licensed := func(a *licensing.LicenseAccount, reason string) *licensing.LicenseAccount {
		a.Status.Conditions = []metav1.Condition{{Type: licensing.ConditionLicensed, Status: metav1.ConditionTrue, Reason: reason, LastTransitionTime: metav1.NewTime(noon)}}
		return a
	}
	s.make(t, licensed(account("ann", `CORP\Ann`).Named().Obj(), licensing.ReasonSeatHeld), licensed(account("bob", "bob@example.com").Obj(), licensing.ReasonSharesSeats),
		account("new", "new").Obj(), account("hal", "hal").Disabled().Obj())
	for name, args := range map[string][]string{
		"all": nil, "named": {"--type", "named"}, "connected": {"--connected", "-A"}, "by-user": {"--user", "*EXAMPLE*", "-o", "name"}, "none": {"--pool", "inventory"},
	} {
		t.Run(name, func(t *testing.T) {
			user := s.viewer
			if name == "connected" {
				user = s.admin
			}
			out, errOut, err := user.seats(ctx, append([]string{"accounts", "-n", "itsm", "--chunk-size=2"}, args...)...)
			check(t, err)
			golden(t, "accounts-"+name, []byte(out+errOut))
		})
	}
	t.Run("without sessions", func(t *testing.T) {
		gitops := s.user(t, "gitops")
		s.bind(t, "itsm", "ClusterRole", "seatkeeper-pool-admin", "gitops")
		var out, errOut string
		until(t, "the role is known", func() (ok bool) {
			var err error
			out, errOut, err = gitops.seats(ctx, "accounts", "-n", "itsm")
			return err == nil
		})
		golden(t, "accounts-without-sessions", []byte(out+errOut))
		_, _, err := gitops.seats(ctx, "accounts", "-n", "itsm", "--connected")
		wantError(t, err, "you may not see sessions", "seatkeeper-viewer")
	})
	_, _, err := s.nobody.seats(ctx, "accounts", "-n", "itsm")
	wantError(t, err, "forbidden", "seatkeeper-viewer")
	_, _, err = s.viewer.seats(ctx, "accounts", "-n", "itsm", "--type", "Floating")
	wantError(t, err, "--type must be Named or Concurrent")
}

func (s *site) whoAmI(t *testing.T) {
	ctx := t.Context()
	s.make(t, session("own", "itsm").User("SYSTEM:serviceaccount:default:ender").Active(licensing.SeatConcurrent, "c-9", noon.Add(-time.Hour)).LastActivity(noon).KeepAlive(true).Obj())
	for name, user := range map[string]shell{"viewer": s.viewer, "ender": s.ender, "nobody": s.nobody} {
		out, _, err := user.seats(ctx, "whoami", "-n", "itsm")
		check(t, err)
		golden(t, "whoami-"+name, []byte(out))
	}
	out, _, err := s.ender.seats(ctx, "whoami", "-n", "itsm", "-o", "yaml")
	check(t, err)
	me := identity{}
	check(t, yaml.UnmarshalStrict([]byte(out), &me))
	if me.UserName != "system:serviceaccount:default:ender" || len(me.Rights) != len(rights()) || len(me.Sessions) != 1 || me.Sessions[0].Name != "own" {
		t.Error(out)
	}
	out, _, err = s.viewer.seats(ctx, "whoami", "-A")
	check(t, err)
	if !strings.Contains(out, "in all namespaces") || strings.Contains(out, " yes") {
		t.Errorf("the viewer of one namespace may do nothing in all:\n%s", out)
	}
}

func (s *site) completion(t *testing.T) {
	ctx := t.Context()
	complete := func(user shell, args ...string) string {
		t.Helper()
		out, _, err := user.seats(ctx, append([]string{"__complete", "--kubeconfig=" + user.kubeconfig, "-n", "itsm"}, args...)...)
		check(t, err)
		return out
	}
	// The flags before __complete are the shell's own; what completes reads those after it.
	for _, test := range []struct {
		args []string
		want []string
	}{
		{[]string{"pools", ""}, []string{"service-desk", "inventory"}},
		{[]string{"show", ""}, []string{"ann-web", "robot"}},
		{[]string{"why", "ann"}, []string{"ann-web", "ann-mob"}},
		{[]string{"terminate", ""}, []string{"ann-web"}},
		{[]string{"sessions", "--module", ""}, []string{"Web\n", "Mobile\n"}},
		{[]string{"sessions", "--pool", ""}, []string{"service-desk"}},
		{[]string{"why", "ann-web", "-o", ""}, []string{"text", "json", "yaml"}},
		{[]string{"pools", "-o", ""}, []string{"table", "wide", "json", "yaml", "name"}},
		{[]string{"sessions", "--state", ""}, []string{"Pending", "Active"}},
		{[]string{"sessions", "--sort-by", ""}, []string{"-last-activity"}},
		{[]string{"accounts", "--type", ""}, []string{"Named"}},
		{[]string{""}, []string{"sessions", "terminate", "whoami"}},
	} {
		got := complete(s.viewer, test.args...)
		for _, word := range test.want {
			if !strings.Contains(got, word) {
				t.Errorf("%v must offer %s: %s", test.args, word, got)
			}
		}
	}
	if got := complete(s.viewer, "terminate", "ann-web", ""); strings.Contains(got, "ann-web\n") || !strings.Contains(got, "ann-mob\n") {
		t.Errorf("what was given must not be offered again: %s", got)
	}
	if got := complete(s.viewer, "terminate", ""); strings.Contains(got, "gus-web\n") || !strings.Contains(complete(s.viewer, "show", ""), "gus-web\n") {
		t.Errorf("what has ended cannot be ended: %s", got)
	}
	if got := complete(s.nobody, "show", ""); strings.Contains(got, "ann") {
		t.Errorf("names must not be told to who may not see them: %s", got)
	}
}

func TestCompletionScripts(t *testing.T) {
	none := shell{kubeconfig: t.TempDir() + "/none"}
	for name, part := range map[string]string{"bash": "__start_kubectl-seats", "zsh": "#compdef kubectl-seats", "fish": "complete -c kubectl-seats", "kubectl": `exec kubectl-seats __complete "$@"`} {
		out, _, err := none.seats(t.Context(), "completion", name)
		check(t, err)
		if !strings.Contains(out, part) {
			t.Errorf("%s: no %q in\n%.500s", name, part, out)
		}
	}
	_, _, err := none.seats(t.Context(), "completion", "tcsh")
	wantError(t, err, "must be one of bash, zsh, fish and kubectl")
}
