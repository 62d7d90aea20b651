// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package grid

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal([]byte(got), want) {
		t.Errorf("%s: got\n%s\nwant\n%s\n(go test -update writes it anew)", path, got, want)
	}
}

func TestDetails(t *testing.T) {
	s := ann().ClientUser("ann").Interactive(licensing.ClientModeDesktop).UserAgent("Helpdesk/9").Applications("tickets", "assets").Attribute("theme", "dark").Attribute("lang", "cs").
		ExtraAttributes(`{"site":"Brno","floors":[1,2]}`).CreatedBy("helpdesk").Instance("app-3").SingleSignOn().Message("The session has a named seat.").
		Termination(licensing.RequesterAdministrator, "maintenance\nat noon").Obj()
	s.Status.HeardBy = "seatkeeper-1"
	fresh := &Fresh{LastActivity: noon.Add(-time.Second), LastHeartbeat: noon.Add(-time.Second), UnsavedWork: true, KeepAlive: true, Timeout: noon.Add(8 * time.Hour)}
	golden(t, "details-all", asText(Details(s, `corp\ann`, fresh)))
	golden(t, "details-least", asText(Details(maker.MakeUserSession("least").UID("2").CreatedAt(noon).Pool("p").User("eve").Waiting(noon.Add(time.Minute)).Obj(), "", nil)))
}

func asText(sections []Section) string {
	var out strings.Builder
	for _, section := range sections {
		fmt.Fprintln(&out, section.Title)
		for _, f := range section.Fields {
			fmt.Fprintf(&out, "  %s: %q %s\n", f.Label, f.Value, Exact(f.Time))
		}
	}
	return out.String()
}

func TestCurrentSessionIsThatOfWhoAsks(t *testing.T) {
	s := ann().Obj()
	for asker, want := range map[string]string{`CORP\ANN`: "Yes", "ann": "No", "": "unknown: who asks is not known"} {
		if got := current(s, asker); got != want {
			t.Errorf("%q: %s", asker, got)
		}
	}
}

func TestWhy(t *testing.T) {
	used, licensed := int32(50), int32(50)
	pool := maker.MakeLicensePool("service-desk").Concurrent(50).Status(licensing.LicensePoolStatus{Concurrent: &licensing.SeatCounts{Used: &used, Licensed: &licensed}}).Obj()
	var out strings.Builder
	for _, test := range []struct {
		name string
		s    *maker.UserSessionBuilder
	}{
		{"on", ann()},
		{"past its idle timeout", ann().Timeout(noon)},
		{"on, shares", ann().UID("2").LastActivity(noon)},
		{"a system login", ann().SystemLogin().Active(licensing.SeatUncounted, "", noon)},
		{"not decided on", maker.MakeUserSession("new").CreatedAt(noon).Pool("service-desk").User("eve").Module("Web")},
		{"waits", maker.MakeUserSession("w").CreatedAt(noon).Pool("service-desk").User("eve").Module("Web").ClientIP("192.0.2.80").Waiting(noon.Add(time.Minute)).Message("All 50 seats are taken.")},
		{"denied", maker.MakeUserSession("d").CreatedAt(noon).Pool("service-desk").User("eve").Module("Web").Denied(licensing.ReasonAccountDisabled, noon.Add(time.Second)).Message("The account is disabled.")},
		{"ended", ann().Terminated(licensing.RequestedByAdministrator, noon).Message("maintenance at noon")},
		{"ended, no message", ann().Terminated(licensing.RequestedByAdministrator, noon).Message("An administrator ended it.")},
		{"to end", ann().Termination(licensing.RequesterAdministrator, "")},
	} {
		fmt.Fprintln(&out, test.name)
		for _, told := range Why(test.s.Obj(), pool, "", noon) {
			fmt.Fprintf(&out, "  %-20s %-24s %s\n", Exact(told.Time), told.Reason, told.Text)
		}
	}
	waits := maker.MakeUserSession("w").CreatedAt(noon).Pool("service-desk").User("eve").Module("Web").Waiting(noon.Add(time.Minute)).Message("All 50 seats are taken.").Obj()
	free := maker.MakeLicensePool("service-desk").Concurrent(50).Status(licensing.LicensePoolStatus{Concurrent: &licensing.SeatCounts{Used: new(int32(49)), Licensed: &licensed}}).Obj()
	fmt.Fprintln(&out, "waits, and a seat is free")
	for _, told := range Why(waits, free, "", noon) {
		fmt.Fprintf(&out, "  %-20s %-24s %s\n", Exact(told.Time), told.Reason, told.Text)
	}
	golden(t, "why", out.String())
}

func TestWhyNamesWhoseSeatIsShared(t *testing.T) {
	told := Why(ann().UID("2").Obj(), nil, "ann-desktop", noon)
	if want := "It was granted without another seat: it shares a named seat with the user's session ann-desktop."; told[1].Text != want {
		t.Errorf("%q, want %q", told[1].Text, want)
	}
}

func TestEveryDenialHasAdvice(t *testing.T) {
	for _, reason := range []string{licensing.ReasonSeatsExhausted, licensing.ReasonWaitExpired, licensing.ReasonAccountRequired, licensing.ReasonAccountDisabled,
		licensing.ReasonAccountNotLicensed, licensing.ReasonModelNotLicensed, licensing.ReasonPoolNotInForce, licensing.ReasonUserLimitReached} {
		if advice(maker.MakeUserSession("d").Denied(reason, noon).Obj()).Text == "" {
			t.Errorf("%s: says nothing of what to do", reason)
		}
	}
}
