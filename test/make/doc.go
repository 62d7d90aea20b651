// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package maker builds objects of Seatkeeper's kinds for tests, in one sentence each:
//
//	maker.MakeLicensePool("service-desk").Concurrent(5).IdleTimeout(30 * time.Minute).Obj()
//	maker.MakeLicenseAccount("ann").Pool("service-desk").User("ann").Named().Obj()
//	maker.MakeUserSession("s1").Pool("service-desk").User("ann").Module("Web").Obj()
//
// A builder sets what its test says and nothing else: the defaults are the API server's to fill in.
// Obj returns a copy, so that one builder can be the start of many objects.
package maker

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultNamespace is where an object is made unless its test says otherwise.
const DefaultNamespace = "default"

func seconds(d time.Duration) *int32 {
	return new(int32(d / time.Second))
}

func instant(t time.Time) *metav1.Time {
	return new(metav1.NewTime(t))
}
