// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package simulation

import (
	"fmt"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/activity"
)

// WideSeeds is the first of the seeds whose runs have more in them: times of validity, unsaved work, seats for each client host and module group, applications. They came later, and draw from a chance of
// their own, so that those below stand for the runs that they always stood for.
const WideSeeds = 1_000_000_000_000_000_000

// wide is what draws that; nil in the other runs.
type wide struct{ *rand.Rand }

func newWide(seed uint64) *wide {
	if seed < WideSeeds {
		return nil
	}
	return &wide{rand.New(rand.NewPCG(seed, ^uint64(GeneratorVersion)))}
}

func (x *wide) chance(p float64) bool { return x != nil && x.Float64() < p }

// pool adds to a pool's spec.
func (x *wide) pool(spec *licensing.LicensePoolSpec, now time.Time) {
	if idle := spec.Sessions.IdleTimeoutSeconds; idle != nil && x.chance(0.6) {
		spec.Sessions.UnsavedWorkTimeoutSeconds = new(*idle + []int32{0, 20, 60, 120}[x.IntN(4)])
	}
	if x.chance(0.25) {
		spec.Sharing.SeatPer = append(spec.Sharing.SeatPer, licensing.SeatPerClientHost)
	}
	if x.chance(0.25) {
		spec.Sharing.ModuleGroups = []licensing.ModuleGroup{{"Web", "Mobile"}}
	}
	if x.chance(0.25) {
		from := now.Truncate(time.Second).Add(time.Duration(x.IntN(90)-60) * time.Second)
		spec.Validity = &licensing.Validity{NotBefore: new(metav1.NewTime(from))}
		if x.chance(0.5) {
			spec.Validity.NotAfter = new(metav1.NewTime(from.Add(time.Duration(20+x.IntN(180)) * time.Second)))
		}
	}
}

// client draws whose machine a login comes from.
func (x *wide) client(s *licensing.UserSession) {
	if x.chance(0.8) {
		s.Spec.Client = &licensing.Client{HostName: []string{"desk-1", "Desk-1", "desk-2"}[x.IntN(3)]}
	}
}

// work adds to what a client tells: whether its user has unsaved work, and which applications are open. What does not change is told again at times.
func (x *wide) work(v *visit, report *activity.Report, now time.Time) {
	if x == nil {
		return
	}
	changes := x.chance(0.15)
	if changes {
		v.unsaved = !v.unsaved
	}
	if changes || x.chance(0.3) {
		report.UnsavedWork = new(v.unsaved)
	}
	if !v.unsaved {
		v.saved = now
	}
	if x.chance(0.05) {
		report.Applications = &[]string{fmt.Sprintf("form-%d", x.IntN(3))}
	}
}
