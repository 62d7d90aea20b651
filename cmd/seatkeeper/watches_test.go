// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
