// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/simulation/apimodel"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// keep says how a seed that failed is had again, and kept.
func keep(t *testing.T, r Result) {
	t.Helper()
	t.Errorf("seed %d breaks a promise: %s\nreplay it: make simulate SEED=%d\nkeep it: add to test/simulation/testdata/seeds the line\n  %d %d what it found", r.Seed, strings.Join(r.Violations, "\n  "), r.Seed,
		GeneratorVersion, r.Seed)
}

func TestASeedReplaysARunExactly(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		first, second := Run(seed+1, Broken{}, true), Run(seed+1, Broken{}, true)
		if first.Trace != second.Trace {
			a, b := strings.Split(first.Trace, "\n"), strings.Split(second.Trace, "\n")
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Fatalf("seed %d: line %d is\n%s\nand then\n%s", seed+1, i+1, a[i], b[i])
				}
			}
			t.Fatalf("seed %d: %d lines, and then %d", seed+1, len(a), len(b))
		}
		if len(first.Trace) < 1000 {
			t.Errorf("seed %d: nothing happens: %s", seed+1, first.Trace)
		}
		if quiet := Run(seed+1, Broken{}, false); quiet.Counts.Calls != first.Counts.Calls {
			t.Errorf("seed %d: %d calls without a trace, %d with one", seed+1, quiet.Counts.Calls, first.Counts.Calls)
		}
	}
}

// TestKeptSeeds runs what once found a fault. A seed stands for the same run as long as the generator's version is the same, and the operator makes the same calls: beside each fault there is a test of its
// own, where it was mended.
func TestKeptSeeds(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/seeds")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	n := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if len(words) < 3 {
			t.Fatalf("a line must have a generator's version, a seed, and what it found: %q", lines.Text())
		}
		seed, err := strconv.ParseUint(words[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if result := Run(seed, Broken{}, false); len(result.Violations) > 0 {
			keep(t, result)
		}
		n++
	}
	if n == 0 {
		t.Error("no seed is kept")
	}
}

// freshSeed is the first of the seeds that a commit has for its own, so that what fails for one fails again; outside of a repository it is the clock's.
func freshSeed(t *testing.T) uint64 {
	t.Helper()
	told, err := exec.CommandContext(t.Context(), "git", "log", "-1", "--format=%ct").Output()
	if seconds, bad := strconv.ParseUint(strings.TrimSpace(string(told)), 10, 64); err == nil && bad == nil {
		return seconds * 100_000
	}
	return uint64(time.Now().UnixNano()) / 10_000
}

func TestFreshSeeds(t *testing.T) {
	t.Parallel()
	for _, first := range []uint64{freshSeed(t), WideSeeds + freshSeed(t)} {
		counts := Campaign{First: first, For: 10 * time.Second, Workers: runtime.NumCPU(),
			Found: func(r Result) bool {
				keep(t, r)
				return false
			}}.Run(time.Now())
		t.Log(counts)
		if counts.Runs == 0 || counts.Grants == 0 {
			t.Error("nothing was run")
		}
	}
}

// The wide seeds do have more in them, and those below do not.
func TestWideSeedsHaveMoreInThem(t *testing.T) {
	t.Parallel()
	var unsaved, groups, hosts, refused int
	for _, first := range []uint64{WideSeeds - 20, WideSeeds} {
		for seed := first; seed < first+20; seed++ {
			result := Run(seed, Broken{Asked: func(server *apimodel.Server, _ *apimodel.Request, _ apimodel.Answer) {
				for _, o := range server.Objects(apimodel.Pools) {
					pool := o.(*licensing.LicensePool)
					groups += len(pool.Spec.Sharing.ModuleGroups)
					if slices.Contains(pool.Spec.Sharing.SeatPer, licensing.SeatPerClientHost) {
						hosts++
					}
				}
				for _, o := range server.Objects(apimodel.Sessions) {
					if o.(*licensing.UserSession).Status.UnsavedWork {
						unsaved++
					}
				}
			}}, false)
			refused += result.Counts.Denials[licensing.ReasonPoolNotInForce]
			if len(result.Violations) > 0 {
				keep(t, result)
			}
		}
		if more := unsaved > 0 && groups > 0 && hosts > 0 && refused > 0; more != (first == WideSeeds) {
			t.Errorf("from seed %d on: unsaved work %d, module groups %d, seats per client host %d, denials for a time of validity %d", first, unsaved, groups, hosts, refused)
		}
	}
}
