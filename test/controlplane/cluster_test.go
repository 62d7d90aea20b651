// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

func TestClusterKeepsItsDataOverARestart(t *testing.T) {
	ctx := t.Context()
	opts := Options{DataDir: filepath.Join(t.TempDir(), "data"), UnsafeNoFsync: true}

	began := time.Now()
	cluster := start(t, opts)
	t.Logf("started in %s", time.Since(began).Round(time.Millisecond))
	client := kubernetes.NewForConfigOrDie(cluster.RESTConfig())

	kept := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}
	kept, err := client.CoreV1().Namespaces().Create(ctx, kept, metav1.CreateOptions{})
	check(t, err)
	gone := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "gone"}}
	_, err = client.CoreV1().Namespaces().Create(ctx, gone, metav1.CreateOptions{})
	check(t, err)
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}}
	_, err = client.CoreV1().ConfigMaps("gone").Create(ctx, settings, metav1.CreateOptions{})
	check(t, err)
	check(t, client.CoreV1().Namespaces().Delete(ctx, "gone", metav1.DeleteOptions{}))
	eventually(t, 30*time.Second, "namespace must vanish", func() bool {
		_, err := client.CoreV1().Namespaces().Get(ctx, "gone", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})

	// A service account may do what RBAC grants it: nothing, here.
	eventually(t, 30*time.Second, "service account must appear", func() bool {
		_, err := client.CoreV1().ServiceAccounts("kept").Get(ctx, "default", metav1.GetOptions{})
		return err == nil
	})
	path := filepath.Join(t.TempDir(), "kubeconfig")
	check(t, cluster.ServiceAccountKubeconfig(ctx, "kept", "default", path))
	info, err := os.Stat(path)
	check(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("kubeconfig has mode %v, want 0600: it holds a token", info.Mode().Perm())
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	check(t, err)
	config.QPS = -1
	_, err = kubernetes.NewForConfigOrDie(config).CoreV1().ConfigMaps("kept").List(ctx, metav1.ListOptions{})
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "system:serviceaccount:kept:default") {
		t.Errorf("listing as a service account without a role gave %v, want Forbidden for that account", err)
	}

	// Stop must not wait for watches.
	watch, err := client.CoreV1().ConfigMaps("").Watch(ctx, metav1.ListOptions{})
	check(t, err)
	defer watch.Stop()
	began = time.Now()
	check(t, cluster.Stop())
	took := time.Since(began)
	t.Logf("stopped in %s", took.Round(time.Millisecond))
	if took > 10*time.Second {
		t.Errorf("stopping took %s while a watch was open, want seconds", took)
	}

	began = time.Now()
	cluster = start(t, opts)
	t.Logf("started again in %s", time.Since(began).Round(time.Millisecond))
	client = kubernetes.NewForConfigOrDie(cluster.RESTConfig())
	found, err := client.CoreV1().Namespaces().Get(ctx, "kept", metav1.GetOptions{})
	check(t, err)
	if found.UID != kept.UID {
		t.Errorf("namespace has uid %s after the restart, want %s", found.UID, kept.UID)
	}

	// The token of before the restart still names the account: the signing key was kept.
	config.Host = cluster.RESTConfig().Host
	_, err = kubernetes.NewForConfigOrDie(config).CoreV1().ConfigMaps("kept").List(ctx, metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("a token of before the restart gave %v, want Forbidden", err)
	}
}

func TestStartQuotesTheLogOfWhatFailed(t *testing.T) {
	bin := t.TempDir()
	script := []byte("#!/bin/sh\necho the disk is on fire\nexit 3\n")
	for _, name := range []string{"etcd", "kube-apiserver"} {
		check(t, os.WriteFile(filepath.Join(bin, name), script, 0o700))
	}
	_, err := Start(t.Context(), Options{BinDir: bin})
	if err == nil || !strings.Contains(err.Error(), "the disk is on fire") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v, want an error that quotes the child's log and its exit status", err)
	}
}

func TestWaitTellsWhatEnded(t *testing.T) {
	cluster := start(t, Options{UnsafeNoFsync: true})
	check(t, cluster.controllerManager.stop(otherGrace))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := cluster.Wait(ctx); err == nil || !strings.Contains(err.Error(), "kube-controller-manager") {
		t.Errorf("got %v, want an error that names kube-controller-manager", err)
	}
}

func start(t *testing.T, opts Options) *Cluster {
	t.Helper()
	cluster, err := Start(t.Context(), opts)
	check(t, err)
	t.Cleanup(func() { check(t, cluster.Stop()) })
	return cluster
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !done(); time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			t.Fatalf("%s within %s", what, limit)
		}
	}
}
