// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const root = "../.."

// manifest is krew's Plugin, as far as krew knows fields.
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		Version          string     `json:"version"`
		ShortDescription string     `json:"shortDescription"`
		Description      string     `json:"description"`
		Caveats          string     `json:"caveats"`
		Homepage         string     `json:"homepage"`
		Platforms        []platform `json:"platforms"`
	} `json:"spec"`
}

type platform struct {
	URI      string `json:"uri"`
	SHA256   string `json:"sha256"`
	Bin      string `json:"bin"`
	Selector struct {
		MatchLabels map[string]string `json:"matchLabels"`
	} `json:"selector"`
}

func readManifest(t *testing.T, path string) manifest {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := yaml.UnmarshalStrict(text, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// What krew's own validation asks of a manifest, and its index of what is new there.
func TestManifestIsOneThatKrewTakes(t *testing.T) {
	m := readManifest(t, root+"/config/krew/seats.yaml")
	if m.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || m.Kind != "Plugin" || m.Metadata.Name != "seats" {
		t.Errorf("%s %s %s", m.APIVersion, m.Kind, m.Metadata.Name)
	}
	spec := &m.Spec
	if n := len(spec.ShortDescription); n == 0 || n > 50 || strings.HasSuffix(spec.ShortDescription, ".") {
		t.Errorf("the short description has %d characters", n)
	}
	if spec.Description == "" || !strings.HasPrefix(spec.Homepage, "https://") || len(spec.Platforms) != 5 {
		t.Errorf("%+v", spec)
	}
	seen := map[string]bool{}
	for _, p := range spec.Platforms {
		name := p.Selector.MatchLabels["os"] + "_" + p.Selector.MatchLabels["arch"]
		bin := "kubectl-seats"
		if strings.HasPrefix(name, "windows") {
			bin += ".exe"
		}
		if seen[name] || len(p.Selector.MatchLabels) != 2 || p.Bin != bin || p.SHA256 != "SHA256_"+name ||
			p.URI != spec.Homepage+"/releases/download/VERSION/kubectl-seats_"+name+".tar.gz" {
			t.Errorf("%+v", p)
		}
		seen[name] = true
	}
}

// The script builds the same archive twice, states its sum, and the program in it works under both of its names.
func TestArchiveIsReproducible(t *testing.T) {
	name := runtime.GOOS + "_" + runtime.GOARCH
	out := filepath.Join(root, "dist/krew")
	build := func() (sum string, m manifest) {
		t.Helper()
		script := exec.CommandContext(t.Context(), "hack/krew.sh", "v1.2.3", name)
		script.Dir = root
		if text, err := script.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		archive, err := os.ReadFile(filepath.Join(out, "kubectl-seats_"+name+".tar.gz"))
		if err != nil {
			t.Fatal(err)
		}
		hash := sha256.Sum256(archive)
		return hex.EncodeToString(hash[:]), readManifest(t, filepath.Join(out, "seats.yaml"))
	}
	first, m := build()
	if second, _ := build(); second != first {
		t.Errorf("two builds differ: %s, %s", first, second)
	}
	stated := ""
	for _, p := range m.Spec.Platforms {
		if p.Selector.MatchLabels["os"]+"_"+p.Selector.MatchLabels["arch"] == name {
			stated = p.SHA256
			if !strings.Contains(p.URI, "/v1.2.3/") {
				t.Error(p.URI)
			}
		}
	}
	if stated != first || m.Spec.Version != "v1.2.3" || !regexp.MustCompile("^[0-9a-f]{64}$").MatchString(stated) {
		t.Errorf("the manifest of %s states %s, and the archive has %s", m.Spec.Version, stated, first)
	}

	dir := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		text, err := exec.CommandContext(t.Context(), name, args...).Output()
		if err != nil {
			t.Fatalf("%s %v: %v", name, args, err)
		}
		return string(text)
	}
	run("tar", "-C", dir, "-xzf", filepath.Join(out, "kubectl-seats_"+name+".tar.gz"))
	license, err := os.ReadFile(filepath.Join(dir, "LICENSE"))
	if err != nil || !bytes.Contains(license, []byte("Apache License")) {
		t.Errorf("the licence must be in it: %v", err)
	}
	program, completer := filepath.Join(dir, "kubectl-seats"), filepath.Join(dir, "kubectl_complete-seats")
	if got := run(program, "version"); got != "kubectl seats v1.2.3\n" {
		t.Error(got)
	}
	if err := os.Symlink(program, completer); err != nil {
		t.Fatal(err)
	}
	if got := run(completer, "termi"); !strings.HasPrefix(got, "terminate\t") {
		t.Errorf("must complete for kubectl: %q", got)
	}
	refused := exec.CommandContext(t.Context(), "hack/krew.sh", "1.2")
	refused.Dir = root
	if text, err := refused.CombinedOutput(); err == nil || !bytes.Contains(text, []byte("must be a semantic one")) {
		t.Errorf("%v: %s", err, text)
	}
}
