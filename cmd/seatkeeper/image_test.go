// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The image is built from some folders of the project, each named in the Dockerfile and let through by .dockerignore: those that the operator is made of must all be among them.
func TestTheImageIsBuiltFromAllThatTheOperatorIsMadeOf(t *testing.T) {
	const module = "github.com/seatkeeper/seatkeeper/"
	packages, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for path := range strings.Lines(string(packages)) {
		if inside, ok := strings.CutPrefix(strings.TrimSpace(path), module); ok {
			folder, _, _ := strings.Cut(inside, "/")
			wanted[folder] = true
		}
	}
	if len(wanted) < 3 {
		t.Fatalf("the operator is made of %v", wanted)
	}
	for file, line := range map[string]func(folder string) string{
		"../../Dockerfile":    func(folder string) string { return "COPY " + folder + " " + folder },
		"../../.dockerignore": func(folder string) string { return "!" + folder },
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for folder := range wanted {
			if !strings.Contains("\n"+string(text), "\n"+line(folder)+"\n") {
				t.Errorf("%s must have the line %q", file, line(folder))
			}
		}
	}
}
