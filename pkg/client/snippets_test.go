// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The Go in the guides works: a program is built, and a piece of one is quoted from the example of this package.
func TestTheGuidesGoCompiles(t *testing.T) {
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	guides, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(guides) == 0 {
		t.Fatalf("%v, %v", guides, err)
	}
	programs, quotes := 0, 0
	for _, guide := range append(guides, "../../README.md") {
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "\n```go\n")[1:] {
			block, _, _ = strings.Cut(block, "\n```")
			if strings.HasPrefix(block, "package main\n") {
				programs++
				file := filepath.Join(t.TempDir(), "main.go")
				if err := os.WriteFile(file, []byte(block+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				if said, err := exec.CommandContext(t.Context(), "go", "vet", file).CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", guide, err, said)
				}
				continue
			}
			quotes++
			indented := "\t" + strings.ReplaceAll(strings.ReplaceAll(block, "\n", "\n\t"), "\n\t\n", "\n\n")
			if !strings.Contains(string(example), indented+"\n") {
				t.Errorf("%s: this must be quoted from pkg/client/example_test.go, or be a program:\n%s", guide, block)
			}
		}
	}
	if programs == 0 || quotes == 0 {
		t.Errorf("%d programs and %d quotes were found", programs, quotes)
	}
}
