// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

func TestAnAPIServerThatIsAwayIsAskedEverySecondOrTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, tries := time.Now(), 0
		got, err := whileAway(t.Context(), func() (string, error) {
			if tries++; time.Since(began) < 10*time.Minute {
				return "", fmt.Errorf("dialing: %w", syscall.ECONNREFUSED)
			}
			return "back", nil
		})
		if took := time.Since(began); got != "back" || err != nil || took > 10*time.Minute+2*watchAgain || tries < 300 || tries > 601 {
			t.Errorf("%q, %v, after %s and %d tries", got, err, took, tries)
		}
	})
}

func TestAnAnswerIsAnAnswerAndAStopAStop(t *testing.T) {
	for _, answer := range []error{errors.New("rubbish"), apierrors.NewResourceExpired("too old"), apierrors.NewUnauthorized("who?")} {
		if _, err := whileAway(t.Context(), func() (string, error) { return "", answer }); !errors.Is(err, answer) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := whileAway(ctx, func() (string, error) { cancel(); return "", syscall.ECONNREFUSED }); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
}

// What a replica meets when it starts while the API server is being restarted.
func TestAReplicaThatCannotStartYetTriesAgain(t *testing.T) {
	lost := &url.Error{Op: "Get", URL: "https://api", Err: io.EOF}
	for name, c := range map[string]struct {
		err  error
		pass bool
	}{
		"refused":               {syscall.ECONNREFUSED, true},
		"reset":                 {fmt.Errorf("failed to get server groups: %w", &url.Error{Op: "Get", URL: "https://api", Err: syscall.ECONNRESET}), true},
		"broken off":            {fmt.Errorf("failed to get restmapping: %w", fmt.Errorf("%w - error from a previous attempt: %w", lost, syscall.ECONNRESET)), true},
		"no permissions as yet": {fmt.Errorf("failed to get server groups: %w", apierrors.NewForbidden(schema.GroupResource{}, "", nil)), true},
		"a wrong certificate":   {&url.Error{Op: "Get", URL: "https://api", Err: x509.UnknownAuthorityError{}}, false},
		"a wrong address":       {errors.New("listen tcp: address in use"), false},
	} {
		if got := mayPass(c.err); got != c.pass {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The same, as the library meets it: an API server that breaks connections off, and then refuses.
func TestAManagerThatCannotBeMadeYetSaysSo(t *testing.T) {
	tries := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if tries++; tries < 3 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	for range 2 {
		p := &process{options: &options{probeAddress: "0", metricsAddress: "0"}, scheme: clientgoscheme.Scheme, namespace: "n"}
		if _, err := ctrl.NewManager(&rest.Config{Host: server.URL}, p.managerOptions()); err == nil || !mayPass(err) {
			t.Errorf("after %d tries: %v", tries, err)
		}
	}
}
