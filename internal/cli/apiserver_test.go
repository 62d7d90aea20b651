// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	realclock "k8s.io/utils/clock"
	clock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	maker "github.com/seatkeeper/seatkeeper/test/make"
)

const root = "../.."

// shell runs `kubectl seats` as a user whose kubeconfig is in a file.
type shell struct {
	kubeconfig string
	// change, where it is given, changes what the command finds around it.
	change func(*Environment)
}

func (s shell) seats(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	streams, _, out, errOut := genericiooptions.NewTestIOStreams()
	env := Environment{Streams: streams, Clock: clock.NewFakePassiveClock(noon), Version: "v1.2.3"}
	if s.change != nil {
		s.change(&env)
	}
	cmd := NewCommand(env)
	cmd.SetArgs(append([]string{"--kubeconfig=" + s.kubeconfig}, args...))
	err = cmd.ExecuteContext(ctx)
	return out.String(), errOut.String(), err
}

// answering is the shell with a person at it who answers questions so.
func (s shell) answering(answer string) shell {
	s.change = func(e *Environment) {
		e.Interactive, e.Streams.In = true, strings.NewReader(answer)
	}
	return s
}

// now is the shell in real time.
func (s shell) now() shell {
	s.change = func(e *Environment) { e.Clock = realclock.RealClock{} }
	return s
}

func TestAgainstAnAPIServer(t *testing.T) {
	ctx := t.Context()
	env := &envtest.Environment{BinaryAssetsDirectory: assets(t)}
	config, err := env.Start()
	check(t, err)
	t.Cleanup(func() { check(t, env.Stop()) })
	admin := login(t, env, "admin", "system:masters")
	nobody := login(t, env, "nobody")

	t.Run("says how to install the kinds", func(t *testing.T) {
		_, _, err := admin.seats(ctx, "pools")
		wantError(t, err, "does not know Seatkeeper's kinds", "kubectl apply -k config/install")
		_, _, err = admin.seats(ctx, "pools", "service-desk")
		wantError(t, err, "does not know Seatkeeper's kinds")
	})

	_, err = envtest.InstallCRDs(config, envtest.CRDInstallOptions{Paths: []string{filepath.Join(root, "config/crd/bases")}})
	check(t, err)
	scheme := runtime.NewScheme()
	check(t, licensing.AddToScheme(scheme))
	check(t, clientgoscheme.AddToScheme(scheme))
	api, err := client.New(config, client.Options{Scheme: scheme})
	check(t, err)
	check(t, api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "itsm"}}))

	t.Run("says where to look when there are none", func(t *testing.T) {
		out, errOut, err := admin.seats(ctx, "pools", "-n", "itsm")
		check(t, err)
		want(t, out, "")
		want(t, errOut, "No license pools found in namespace itsm. `kubectl seats pools -A` looks in all.\n")
	})

	for _, pool := range []*licensing.LicensePool{
		maker.MakeLicensePool("service-desk").Namespace("itsm").Named(5).Concurrent(8).Obj(),
		maker.MakeLicensePool("drawing").Namespace("default").Named(3).Obj(),
	} {
		check(t, api.Create(ctx, pool))
		if pool.Name == "service-desk" {
			pool.Status = status(licensing.ReasonAvailable, counts(5, 4, 1, 4, 3), counts(8, 6, 2, 12, 6))
			pool.Status.Conditions = nil
			check(t, api.Status().Update(ctx, pool))
		}
	}

	t.Run("shows the pools of a namespace", func(t *testing.T) {
		out, errOut, err := admin.seats(ctx, "pools", "--namespace=itsm")
		check(t, err)
		want(t, errOut, "")
		want(t, out, `POOL           MODEL        LICENSED   USED   AVAILABLE   ACCOUNTS   CONNECTED
service-desk   Named        5          4      1           4          3
service-desk   Concurrent   8          6      2           12         6
`)
	})
	t.Run("shows all pools, and says which are not counted", func(t *testing.T) {
		out, errOut, err := admin.seats(ctx, "pools", "-A")
		check(t, err)
		golden(t, "apiserver-all", []byte(out))
		if !strings.Contains(errOut, "default/drawing") {
			t.Errorf("must name the pool that is not counted: %q", errOut)
		}
	})
	t.Run("says of which namespaces the pools are, if not of one", func(t *testing.T) {
		out, _, err := admin.seats(ctx, "pools", "itsm/service-desk", "default/drawing")
		check(t, err)
		golden(t, "apiserver-several-namespaces", []byte(out))
		out, _, err = admin.seats(ctx, "pools", "itsm/service-desk")
		check(t, err)
		if strings.Contains(out, "NAMESPACE") {
			t.Errorf("one namespace needs no column:\n%s", out)
		}
	})
	t.Run("prints those of several names that exist", func(t *testing.T) {
		out, _, err := admin.seats(ctx, "pools", "service-desk", "absent", "-n", "itsm")
		wantError(t, err, `"absent" not found in namespace itsm`, "kubectl seats pools -A")
		if !strings.Contains(out, "service-desk") || strings.Contains(out, "absent") {
			t.Errorf("unexpected output:\n%s", out)
		}
	})
	t.Run("prints the object itself as JSON", func(t *testing.T) {
		out, _, err := admin.seats(ctx, "pools", "service-desk", "-n", "itsm", "-o", "json")
		check(t, err)
		pool := &licensing.LicensePool{}
		decoder := json.NewDecoder(bytes.NewReader([]byte(out)))
		decoder.DisallowUnknownFields()
		check(t, decoder.Decode(pool))
		if pool.Kind != "LicensePool" || *pool.Status.Concurrent.Used != 6 || pool.ManagedFields != nil {
			t.Errorf("unexpected object:\n%s", out)
		}
	})
	t.Run("says whom to ask for permission", func(t *testing.T) {
		_, _, err := nobody.seats(ctx, "pools", "-n", "itsm")
		wantError(t, err, "forbidden", "kubectl create rolebinding NAME --clusterrole=seatkeeper-pool-viewer --user=nobody -n itsm")
		_, _, err = nobody.seats(ctx, "pools", "-A")
		wantError(t, err, "forbidden", "kubectl create clusterrolebinding")
	})
}

func TestWithoutACluster(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	check(t, os.WriteFile(path, []byte(`{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}],
contexts: [{name: c, context: {cluster: c}}]}`), 0o600))
	user := shell{kubeconfig: path}
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"unreachable":        {[]string{"pools"}, []string{"cannot be reached", "kubectl config current-context"}},
		"unknown context":    {[]string{"pools", "--context=x"}, []string{"kubectl config get-contexts"}},
		"context by a flag":  {[]string{"pools", "--context=x", "-n", "itsm"}, []string{"kubectl config get-contexts"}},
		"no kubeconfig":      {[]string{"pools", "--kubeconfig=" + path + ".no"}, []string{"must name a kubeconfig", "kubectl config get-contexts"}},
		"unknown format":     {[]string{"pools", "-o", "xml"}, []string{"--output must be one of table, wide, json, yaml", `"xml"`}},
		"name without place": {[]string{"pools", "a", "-A"}, []string{"give --namespace"}},
		"unknown flag":       {[]string{"pools", "--no"}, []string{"unknown flag", "`kubectl seats pools --help`"}},
		"unknown command":    {[]string{"no"}, []string{`unknown command "no"`, "`kubectl seats --help`"}},
		"misspelt command":   {[]string{"sessoins"}, []string{`unknown command "sessoins"`, "Is `kubectl seats sessions` meant?"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := user.seats(ctx, test.args...)
			wantError(t, err, test.want...)
		})
	}
	wantError(t, explain(&url.Error{Op: "Get", URL: "http://localhost:8080/apis", Err: io.EOF}, subject{}), "set KUBECONFIG, or give --kubeconfig")
	out, _, err := user.seats(ctx, "__complete", "sessions", "--text", "")
	check(t, err)
	want(t, out, ":4\n") // no names of files
	out, _, err = user.seats(ctx, "__complete", "usage", "--output-file", "")
	check(t, err)
	want(t, out, ":0\n")
	out, _, err = user.seats(ctx)
	check(t, err)
	for line := range strings.Lines(out) {
		if len(line) > 81 && !strings.HasPrefix(strings.TrimSpace(line), "-") { // the flags are kubectl's own
			t.Errorf("must fit into 80 columns: %q", line)
		}
	}
	out, _, err = user.seats(ctx, "version")
	check(t, err)
	want(t, out, "kubectl seats v1.2.3\n")
}

// login writes the kubeconfig of a user of these groups.
func login(t *testing.T, env *envtest.Environment, name string, groups ...string) shell {
	t.Helper()
	user, err := env.AddUser(envtest.User{Name: name, Groups: groups}, nil)
	check(t, err)
	content, err := user.KubeConfig()
	check(t, err)
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, content, 0o600))
	return shell{kubeconfig: path}
}

// assets is the folder of the control plane's binaries: KUBEBUILDER_ASSETS, or what hack/assets.sh finds or builds.
func assets(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir
	}
	out, err := exec.CommandContext(t.Context(), root+"/hack/assets.sh").Output()
	check(t, err)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("must fail")
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error must contain %q: %v", part, err)
		}
	}
}
