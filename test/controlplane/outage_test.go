// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

func TestTheAPIServerAloneGoesAndComesBack(t *testing.T) {
	cluster := start(t, Options{UnsafeNoFsync: true})
	client := kubernetes.NewForConfigOrDie(cluster.RESTConfig())
	read := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		_, err := client.CoreV1().Namespaces().Get(ctx, "kept", metav1.GetOptions{})
		return err
	}
	_, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}, metav1.CreateOptions{})
	check(t, err)

	check(t, cluster.PauseAPIServer())
	if err := read(2 * time.Second); err == nil {
		t.Error("a paused API server answered")
	}
	check(t, cluster.ResumeAPIServer())
	check(t, read(time.Minute))

	check(t, cluster.StopAPIServer())
	if err := read(2 * time.Second); err == nil {
		t.Error("a stopped API server answered")
	}
	check(t, cluster.RestartAPIServer(t.Context()))
	check(t, read(time.Minute)) // by the same client: address and keys are the same
}
