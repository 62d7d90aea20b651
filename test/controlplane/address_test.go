// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"net"
	"strconv"
	"testing"
)

// An address is nobody's: no other caller has it, no outgoing connection will be given its port, and who listens is passed over.
func TestFreeAddressIsNobodys(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		address, err := FreeAddress("")
		check(t, err)
		_, port, err := net.SplitHostPort(address)
		check(t, err)
		if n, err := strconv.Atoi(port); seen[address] || err != nil || n < firstPort || n >= firstPort+ports {
			t.Errorf("got %s after %v", address, seen)
		}
		seen[address] = true
		next := net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+int((nextPort.Load()+1)%ports)))
		listener, err := net.Listen("tcp", next) //nolint:noctx // it takes no time
		if err != nil {
			continue // somebody else listens there
		}
		t.Cleanup(func() { check(t, listener.Close()) })
		seen[next] = true
	}
	if _, err := FreeAddress("192.0.2.1"); err == nil {
		t.Error("a host that is not this machine has a free port")
	}
}
