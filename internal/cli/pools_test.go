// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s\n(go test -update writes it anew)", path, got, want)
	}
}

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func counts(licensed, used, available, accounts, connected int32) *licensing.SeatCounts {
	return &licensing.SeatCounts{Licensed: &licensed, Used: &used, Available: &available, Accounts: &accounts, Connected: &connected}
}

func status(seats string, named, concurrent *licensing.SeatCounts) licensing.LicensePoolStatus {
	return licensing.LicensePoolStatus{ObservedGeneration: 1, Named: named, Concurrent: concurrent, Conditions: []metav1.Condition{
		{Type: licensing.ConditionSeatsAvailable, Reason: seats, Status: metav1.ConditionTrue},
		{Type: licensing.ConditionInForce, Reason: licensing.ReasonInForce, Status: metav1.ConditionTrue},
	}}
}

// samplePools are one of each licensing model, one whose seats were lowered, and one that was not counted yet.
func samplePools() []licensing.LicensePool {
	var pools []licensing.LicensePool
	for _, b := range []*maker.LicensePoolBuilder{
		maker.MakeLicensePool("service-desk").DisplayName("Service Desk").Named(25).Concurrent(50).CreatedAt(noon.Add(-72 * time.Hour)).
			Status(status(licensing.ReasonAvailable, counts(25, 20, 5, 20, 7), counts(50, 31, 19, 112, 31))),
		maker.MakeLicensePool("drawing").Named(3).CreatedAt(noon.Add(-90 * time.Minute)).
			Status(status(licensing.ReasonExhausted, counts(3, 3, 0, 4, 2), nil)),
		maker.MakeLicensePool("reports").DisplayName("Reports").Concurrent(2).CreatedAt(noon.Add(-5 * time.Minute)).
			Status(status(licensing.ReasonOvercommitted, nil, counts(2, 3, 0, 9, 3))),
		maker.MakeLicensePool("brand-new").Concurrent(10).CreatedAt(noon.Add(-2 * time.Second)),
	} {
		pools = append(pools, *b.Namespace("itsm").Generation(1).Obj())
	}
	return pools
}

func TestPoolsTable(t *testing.T) {
	for name, table := range map[string]poolsTable{
		"pools-table":               {now: noon},
		"pools-table-all":           {now: noon, namespaces: true},
		"pools-table-wide":          {now: noon, wide: true},
		"pools-table-wide-with-all": {now: noon, wide: true, namespaces: true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := columns(&out, table.rows(samplePools())); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

func TestPoolsAsData(t *testing.T) {
	for name, test := range map[string]struct {
		format string
		names  []types.NamespacedName
		pools  []licensing.LicensePool
	}{
		"pools-list":  {format: "json", pools: samplePools()[:2]},
		"pools-empty": {format: "json"},
		"pools-names": {format: "name", pools: samplePools()[:2]},
		"pools-one":   {format: "yaml", names: []types.NamespacedName{{Namespace: "itsm", Name: "service-desk"}}, pools: samplePools()[:1]},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			o := &PoolsOptions{Environment: Environment{Streams: genericiooptions.IOStreams{Out: &out}}, names: test.names, output: newOutput(test.format)}
			check(t, o.print(test.pools))
			golden(t, name, out.Bytes())
		})
	}
}

func TestPoolsNotCountedAreNamed(t *testing.T) {
	stale := *maker.MakeLicensePool("stale").Namespace("itsm").Generation(2).Status(status("", nil, counts(1, 0, 1, 0, 0))).Obj()
	const want = "Not counted yet since the last change: itsm/brand-new, itsm/stale. " +
		"If this lasts for more than seconds, see whether the operator runs: `kubectl get pods -n seatkeeper-system`."
	if got := notCounted(append(samplePools(), stale)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := notCounted(samplePools()[:3]); got != "" {
		t.Errorf("all are counted, and yet: %s", got)
	}
}
