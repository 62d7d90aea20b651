// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/usage"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

// The command against a real API server: as one who has the shipped viewers' role of pools, and as one who has none.
func TestUsageAgainstAnAPIServer(t *testing.T) {
	ctx := t.Context()
	env := &envtest.Environment{BinaryAssetsDirectory: assets(t)}
	config, err := env.Start()
	check(t, err)
	t.Cleanup(func() { check(t, env.Stop()) })
	viewer, nobody := login(t, env, "viewer"), login(t, env, "nobody")
	scheme := runtime.NewScheme()
	check(t, licensing.AddToScheme(scheme))
	check(t, clientgoscheme.AddToScheme(scheme))
	api, err := client.New(config, client.Options{Scheme: scheme})
	check(t, err)
	check(t, api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "itsm"}}))
	shippedRole(t, api, "seatkeeper-pool-viewer")
	check(t, api.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "itsm", Name: "viewer"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: "viewer"}},
		RoleRef:    rbacv1.RoleRef{Kind: "ClusterRole", Name: "seatkeeper-pool-viewer"},
	}))

	t.Run("says how to install the kinds", func(t *testing.T) {
		_, _, err := viewer.seats(ctx, "usage", "service-desk", "-n", "itsm")
		wantError(t, err, "does not know Seatkeeper's kinds")
	})
	_, err = envtest.InstallCRDs(config, envtest.CRDInstallOptions{Paths: []string{filepath.Join(root, "config/crd/bases")}})
	check(t, err)

	for _, pool := range []*licensing.LicensePool{
		maker.MakeLicensePool("service-desk").Namespace("itsm").Named(5).Concurrent(4).Obj(),
		maker.MakeLicensePool("reports").Namespace("itsm").Concurrent(2).Obj(),
		maker.MakeLicensePool("drawing").Namespace("itsm").Named(3).Obj(),
		maker.MakeLicensePool("brand-new").Namespace("itsm").Named(3).Obj(),
	} {
		check(t, api.Create(ctx, pool))
	}
	history := weekOfUse(t).Encode()
	for _, name := range []string{"service-desk", "deleted"} {
		record := maker.MakeLicenseUsage(name).Namespace("itsm").Obj()
		check(t, api.Create(ctx, record))
		record.Status.History = history
		check(t, api.Status().Update(ctx, record))
	}
	for _, name := range []string{"reports", "drawing"} {
		record := maker.MakeLicenseUsage(name).Namespace("itsm").Obj()
		check(t, api.Create(ctx, record))
		record.Status.History = usage.NewHistory().Encode()
		check(t, api.Status().Update(ctx, record))
	}

	t.Run("draws the chart with its advice", func(t *testing.T) {
		out, errOut, err := viewer.seats(ctx, "usage", "service-desk", "-n", "itsm")
		check(t, err)
		want(t, errOut, "")
		for _, part := range []string{"service-desk in itsm: concurrent connections", "Most at once: 4 of 4", "was the most ever in use", "no record"} {
			if !strings.Contains(strings.ReplaceAll(out, "\n", " "), part) {
				t.Errorf("must contain %q:\n%s", part, out)
			}
		}
	})
	t.Run("knows a pool by its namespace as well", func(t *testing.T) {
		out, _, err := viewer.seats(ctx, "usage", "itsm/service-desk", "-o", "csv")
		check(t, err)
		if !strings.HasPrefix(out, "start,end,") {
			t.Error(out)
		}
		_, _, err = viewer.seats(ctx, "usage", "itsm/service-desk", "-n", "other")
		wantError(t, err, "pool itsm/service-desk is not of the namespace that --namespace names, other")
		_, _, err = viewer.seats(ctx, "usage", "itsm/", "-n", "itsm")
		wantError(t, err, "NAME or NAMESPACE/NAME")
	})
	t.Run("draws the named model of a combined pool", func(t *testing.T) {
		out, _, err := viewer.seats(ctx, "usage", "service-desk", "-n", "itsm", "--model", "Named", "--period", "day")
		check(t, err)
		if !strings.Contains(out, "named connections") || !strings.Contains(out, "Most at once: 2 of 5") {
			t.Errorf("unexpected chart:\n%s", out)
		}
	})
	t.Run("shows a day while the record is younger than that, unless it is told otherwise", func(t *testing.T) {
		young := usage.NewHistory()
		line := usage.NewTimeline(noon.Add(-2 * time.Hour))
		line.License(noon.Add(-2*time.Hour), 3, usage.NotLicensed)
		line.Tell(young, noon, time.Hour)
		record := maker.MakeLicenseUsage("young").Namespace("itsm").Obj()
		check(t, api.Create(ctx, record))
		record.Status.History = young.Encode()
		check(t, api.Status().Update(ctx, record))
		out, _, err := viewer.seats(ctx, "usage", "young", "-n", "itsm")
		check(t, err)
		if !strings.Contains(out, "named connections\nDay: Mon 2 Mar 2026 10:00 to Mon 2 Mar 2026 12:00 UTC\n") {
			t.Errorf("unexpected chart:\n%s", out)
		}
		out, _, err = viewer.seats(ctx, "usage", "young", "-n", "itsm", "--period", "week")
		check(t, err)
		if !strings.Contains(out, "\nWeek: Mon 2 Mar 2026 00:00 to Mon 2 Mar 2026 12:00 UTC\n") || !strings.Contains(out, "since it began, Mon 2 Mar 10:00") {
			t.Errorf("unexpected chart:\n%s", out)
		}
	})
	t.Run("prints data", func(t *testing.T) {
		out, _, err := viewer.seats(ctx, "usage", "service-desk", "-n", "itsm", "-o", "json")
		check(t, err)
		var data usageData
		decoder := json.NewDecoder(strings.NewReader(out))
		decoder.DisallowUnknownFields()
		check(t, decoder.Decode(&data))
		if data.Connected != 4 || *data.Peak != 4 || *data.Licensed != 4 || data.Advice.Reasoning == "" {
			t.Errorf("unexpected data: %+v", data)
		}
	})
	t.Run("writes a file in the format of its name", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "usage.png")
		check(t, os.WriteFile(path, []byte(strings.Repeat("longer than any picture", 100_000)), 0o600))
		out, errOut, err := viewer.seats(ctx, "usage", "service-desk", "-n", "itsm", "--output-file", path)
		check(t, err)
		want(t, out, "")
		want(t, errOut, "Wrote "+path+".\n")
		data, err := os.ReadFile(path)
		check(t, err)
		if !bytes.HasPrefix(data, []byte("\x89PNG")) || bytes.Contains(data, []byte("longer")) {
			t.Error("must be a PNG and nothing else")
		}
		_, _, err = viewer.seats(ctx, "usage", "service-desk", "-n", "itsm", "--output-file", filepath.Join(path, "no-folder.svg"))
		wantError(t, err, "write the svg", "no-folder.svg")
	})
	t.Run("still has the history of a pool that was deleted", func(t *testing.T) {
		out, _, err := viewer.seats(ctx, "usage", "deleted", "-n", "itsm")
		check(t, err)
		if !strings.Contains(out, "deleted in itsm: concurrent connections") {
			t.Errorf("unexpected chart:\n%s", out)
		}
	})
	t.Run("shows the one model that a pool has, and says that there is no data yet", func(t *testing.T) {
		out, _, err := viewer.seats(ctx, "usage", "drawing", "-n", "itsm")
		check(t, err)
		if !strings.Contains(out, "named connections") || !strings.Contains(out, "No data yet: ") {
			t.Errorf("unexpected chart:\n%s", out)
		}
	})
	t.Run("says which model a pool has", func(t *testing.T) {
		_, _, err := viewer.seats(ctx, "usage", "reports", "-n", "itsm", "--model", "named")
		wantError(t, err, `license pool "reports" has no named seats; it is Concurrent`, "`--model concurrent`")
		_, _, err = viewer.seats(ctx, "usage", "drawing", "-n", "itsm", "--model", "concurrent")
		wantError(t, err, `license pool "drawing" has no concurrent seats; it is Named`, "`--model named`")
	})
	t.Run("says that nothing is recorded yet", func(t *testing.T) {
		_, _, err := viewer.seats(ctx, "usage", "brand-new", "-n", "itsm")
		wantError(t, err, `no usage of license pool "brand-new" is recorded yet`, "kubectl get pods -n seatkeeper-system")
	})
	t.Run("says which pools there are", func(t *testing.T) {
		_, _, err := viewer.seats(ctx, "usage", "absent", "-n", "itsm")
		wantError(t, err, `"absent" not found in namespace itsm`, "kubectl seats pools -A")
		_, _, err = viewer.seats(ctx, "usage", "-n", "itsm")
		wantError(t, err, "one pool must be named", "kubectl seats pools -A")
	})
	t.Run("says that a history is none", func(t *testing.T) {
		record := maker.MakeLicenseUsage("brand-new").Namespace("itsm").Obj()
		check(t, api.Create(ctx, record))
		record.Status.History = "1:nonsense"
		check(t, api.Status().Update(ctx, record))
		_, _, err := viewer.seats(ctx, "usage", "brand-new", "-n", "itsm")
		wantError(t, err, `license pool "brand-new": the usage on record must be whole`, "upgrade kubectl-seats to the operator's version")
	})
	t.Run("says to upgrade where a newer operator wrote the history", func(t *testing.T) {
		record := &licensing.LicenseUsage{}
		check(t, api.Get(ctx, keyOf("itsm", "brand-new"), record))
		record.Status.History = "2:nobody knows yet"
		check(t, api.Status().Update(ctx, record))
		_, _, err := viewer.seats(ctx, "usage", "brand-new", "-n", "itsm")
		wantError(t, err, `license pool "brand-new"`, "a newer operator wrote it: upgrade kubectl-seats to the operator's version", "version 2")
		if strings.Contains(err.Error(), "delete") {
			t.Errorf("must not say to delete what the operator goes on with: %v", err)
		}
	})
	t.Run("says whom to ask for permission", func(t *testing.T) {
		_, _, err := nobody.seats(ctx, "usage", "service-desk", "-n", "itsm")
		wantError(t, err, "forbidden", "kubectl create rolebinding NAME --clusterrole=seatkeeper-pool-viewer --user=nobody -n itsm")
	})
	t.Run("completes the names of pools", func(t *testing.T) {
		out, _, err := viewer.seats(ctx, "__complete", "usage", "-n", "itsm", "s")
		check(t, err)
		if !strings.Contains(out, "service-desk\n") {
			t.Errorf("must offer the pool: %q", out)
		}
	})
}

// shippedRole creates one of the roles that users get.
func shippedRole(t *testing.T, api client.Client, name string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "config/rbac/user_roles.yaml"))
	check(t, err)
	for document := range strings.SplitSeq(string(content), "\n---\n") {
		role := &rbacv1.ClusterRole{}
		check(t, yaml.UnmarshalStrict([]byte(document), role))
		if role.Name == name {
			check(t, api.Create(t.Context(), role))
			return
		}
	}
	t.Fatalf("no role %s is shipped", name)
}
