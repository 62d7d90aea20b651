// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/http"
	"testing"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// A replica that serves before its watches have shown the pools must not let a session be used from anywhere.
func TestAddressIsCheckedBeforeTheWatchesAreFilled(t *testing.T) {
	w := newWorld(t)
	w.gateway.view.inSync.Store(false)
	w.blind = true
	w.pool(1, func(p *licensing.LicensePool) { p.Spec.Sessions.ClientIPCheck = licensing.ClientIPCheckEnforced })
	_, token := w.active("ann") // from 192.0.2.17; the test calls from 192.0.2.1
	a := w.do("GET", "/v1/session", token, "")
	if a.Code == http.StatusOK {
		t.Errorf("answered %d to another address", a.Code)
	}
}

// The same, for onClientExit: the browser's beacon comes once.
func TestExitBeforeTheWatchesAreFilled(t *testing.T) {
	w := newWorld(t)
	w.gateway.view.inSync.Store(false)
	w.blind = true
	w.pool(1, func(p *licensing.LicensePool) { p.Spec.Sessions.OnClientExit = licensing.ExitEndSession })
	s, token := w.active("ann")
	a := w.do("POST", "/v1/session/exit", token, "")
	if a.Code == http.StatusNoContent && w.termination(s) == nil {
		t.Errorf("answered %d, and the seat stays taken", a.Code)
	}
}
