// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/history"
	. "github.com/seatkeeper/seatkeeper/test/make"
)

// write writes a history to a file and returns its name.
func write(t *testing.T, entries ...history.Entry) string {
	t.Helper()
	var text bytes.Buffer
	for _, e := range entries {
		if err := history.Write(&text, e); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// pack packs a file, as test/chaos leaves it.
func pack(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), os.WriteFile(file+".gz", packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return file + ".gz"
}

func TestCheck(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	began := history.Entry{Type: history.Began, Revision: 1, Seen: now}
	pool := history.Entry{Type: history.Listed, Revision: 1, Object: MakeLicensePool("p").UID("p").ResourceVersion("1").Concurrent(0).
		Status(licensing.LicensePoolStatus{Grants: &licensing.GrantLog{Term: "t", SessionsFenced: true}}).Obj()}
	login := history.Entry{Type: history.Added, Revision: 2, Object: MakeUserSession("s").UID("s").ResourceVersion("2").Pool("p").User("a").Obj()}
	planted := history.Entry{Type: history.Modified, Revision: 3, Object: MakeUserSession("s").UID("s").ResourceVersion("3").Pool("p").User("a").Active("Concurrent", "s", now).Obj()}
	missed := history.Entry{Type: history.Missed, Revision: 9, After: 3, Why: "too old"}

	legal, oversold, gap := write(t, began, pool, login), write(t, began, pool, login, planted), write(t, began, pool, login, missed)
	for _, trial := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"a legal history", []string{"check", legal}, allWell, "3 entries, revisions 1 to 2, 0 findings, 0 gaps"},
		{"an oversold pool", []string{"check", oversold}, broken, "revision 3: invariant 1: "},
		{"a packed file", []string{"check", pack(t, oversold)}, broken, "revision 3: invariant 1: "},
		{"as JSON", []string{"check", "-json", oversold}, broken, `{"invariant":1,"revision":3,"objects":["UserSession default/s","LicensePool default/p"]`},
		{"a gap", []string{"check", gap}, unknown, "what happened after revision 3 and up to 9 is not known (too old)"},
		{"several, one of them broken", []string{"check", gap, oversold, legal}, broken, "invariant 1"},
		{"nobody decided, and all is quiet", []string{"check", "-settled", legal}, broken, "nobody has decided on the session"},
		{"no beginning", []string{"check", write(t, pool)}, unknown, "the file must begin with an entry of type BEGAN"},
		{"no file", []string{"check", filepath.Join(t.TempDir(), "none")}, unknown, "no such file"},
		{"help", []string{"--help"}, allWell, "record [flags] FILE"},
		{"no command", nil, unknown, "the command must be record FILE, check FILE... or follow"},
		{"a file that is there already", []string{"record", "--kubeconfig", "none", legal}, unknown, "file exists"},
		{"an unknown flag", []string{"check", "-nonsense", legal}, unknown, "flag provided but not defined"},
	} {
		t.Run(trial.name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), trial.args, &out, &out); code != trial.code || !strings.Contains(out.String(), trial.says) {
				t.Errorf("exit code %d, want %d; printed:\n%s\nwant: %s", code, trial.code, out.String(), trial.says)
			}
		})
	}
}
