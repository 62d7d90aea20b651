// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/onsi/gomega/gbytes"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/test/controlplane"
	maker "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// site is a real control plane with the shipped kinds and roles.
type site struct {
	*replica.Installation

	cluster *controlplane.Cluster
	// admin may do all; viewer and ender have the shipped roles seatkeeper-viewer and seatkeeper-session-admin in namespace itsm and others; nobody has none.
	admin, viewer, ender, nobody shell
}

// TestOnACluster runs the commands against a real API server, by users with the shipped roles.
func TestOnACluster(t *testing.T) {
	ctx := t.Context()
	cluster, err := controlplane.Start(ctx, controlplane.Options{BinDir: assets(t), UnsafeNoFsync: true})
	check(t, err)
	t.Cleanup(func() { check(t, cluster.Stop()) })
	installation, err := replica.Install(ctx, cluster, root, assets(t), t.TempDir())
	check(t, err)
	s := &site{Installation: installation, cluster: cluster, admin: shell{kubeconfig: installation.AdminKubeconfig()}}
	s.viewer, s.ender, s.nobody = s.user(t, "viewer"), s.user(t, "ender"), s.user(t, "nobody")
	s.namespace(t, "itsm")

	t.Run("sessions", s.sessions)
	t.Run("details", s.details)
	t.Run("accounts", s.accounts)
	t.Run("whoami", s.whoAmI)
	t.Run("completion", s.completion)
	t.Run("terminate", s.terminate)
	t.Run("ten thousand", s.tenThousand)
	t.Run("watch", s.watch)
	t.Run("with an operator", s.withAnOperator)
}

// user makes a service account, and a kubeconfig of it for namespace itsm.
func (s *site) user(t *testing.T, name string) shell {
	t.Helper()
	check(t, s.MakeServiceAccount(t.Context(), "default", name))
	path := filepath.Join(t.TempDir(), name)
	check(t, s.cluster.ServiceAccountKubeconfig(t.Context(), "default", name, path))
	return shell{kubeconfig: path}
}

// namespace makes a namespace in which viewer and ender have their roles, once the API server knows.
func (s *site) namespace(t *testing.T, name string) {
	t.Helper()
	check(t, s.API.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	for user, role := range map[string]string{"viewer": "seatkeeper-viewer", "ender": "seatkeeper-session-admin"} {
		s.bind(t, name, "ClusterRole", role, user)
	}
	for user, shell := range map[string]shell{"viewer": s.viewer, "ender": s.ender} {
		until(t, user+" has the role", func() bool {
			_, _, err := shell.seats(t.Context(), "pools", "-n", name)
			return err == nil
		})
	}
}

func (s *site) bind(t *testing.T, namespace, kind, role, user string) {
	t.Helper()
	check(t, s.API.Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user + "-" + role},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: role},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: user}}}))
}

// until waits for a condition.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// make creates objects, and writes the status that they have as the operator would; who has none is left to an operator that runs.
func (s *site) make(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, obj := range objects {
		wanted := obj.DeepCopyObject().(client.Object)
		check(t, s.API.Create(t.Context(), obj))
		none := false
		switch o := obj.(type) {
		case *licensing.UserSession:
			o.Status = wanted.(*licensing.UserSession).Status
			none = equality.Semantic.DeepEqual(o.Status, licensing.UserSessionStatus{})
		case *licensing.LicenseAccount:
			o.Status = wanted.(*licensing.LicenseAccount).Status
			none = equality.Semantic.DeepEqual(o.Status, licensing.LicenseAccountStatus{})
		case *licensing.LicensePool:
			o.Status = wanted.(*licensing.LicensePool).Status
			none = equality.Semantic.DeepEqual(o.Status, licensing.LicensePoolStatus{})
		}
		if !none {
			check(t, s.API.Status().Update(t.Context(), obj))
		}
	}
}

func session(name, namespace string) *maker.UserSessionBuilder {
	return maker.MakeUserSession(name).Namespace(namespace).Pool("service-desk").User(name).Module("Web")
}

// shown is a table without what differs from run to run.
func shown(text string, unstable ...string) []byte {
	for i, word := range unstable {
		text = strings.ReplaceAll(text, word, fmt.Sprintf("<%d>", i))
	}
	return []byte(text)
}

// screen is what a command that goes on has printed so far.
type screen struct{ *gbytes.Buffer }

func (s screen) String() string { return string(s.Contents()) }

// has says whether a line has all of these words.
func (s screen) has(words ...string) bool {
	for line := range strings.Lines(s.String()) {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			return true
		}
	}
	return false
}

// follow runs a command until the test or the returned function ends it, and returns what it prints.
func (s shell) follow(t *testing.T, args ...string) (out, errOut screen, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, errOut = screen{gbytes.NewBuffer()}, screen{gbytes.NewBuffer()}
	done := make(chan error, 1)
	s.change = func(e *Environment) { e.Streams.Out, e.Streams.ErrOut = out, errOut }
	go func() {
		_, _, err := s.seats(ctx, args...)
		done <- err
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("%v: %v", args, err)
			}
		})
	}
	t.Cleanup(stop)
	return out, errOut, stop
}
