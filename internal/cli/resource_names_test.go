// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"testing"
)

func TestSessionsAreNamedAsKubectlDoes(t *testing.T) {
	names, err := sessionNames([]string{"ann-web", "usersession.licensing.seatkeeper.dev/ann-app", "usersessions/bob-web", "usession/bob-app"})
	check(t, err)
	want(t, strings.Join(names, " "), "ann-web ann-app bob-web bob-app")
	for _, text := range []string{"itsm/ann-web", "licensepool/desk", "usersession/", "usersession/a/b", "/a"} {
		_, err := sessionNames([]string{"fine", text})
		wantError(t, err, "a session must be named by NAME or usersession/NAME, and its namespace by --namespace: it is \""+text+"\"")
	}
}

func TestPoolsAreNamedAsKubectlPrintsThem(t *testing.T) {
	for text, name := range map[string]string{"desk": "desk", "itsm/desk": "itsm/desk", "licensepool.licensing.seatkeeper.dev/desk": "desk", "licensepools.licensing.seatkeeper.dev/desk": "desk"} {
		want(t, withoutPoolResource(text), name)
	}
}
