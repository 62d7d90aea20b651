// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

// The ports to choose from lie below those that outgoing connections are given (on Linux from 32768 on, elsewhere from 49152): such a one may
// become the source of somebody's connection before its server listens, or while the server restarts.
const (
	firstPort = 20000
	ports     = 12768
)

// nextPort is where FreeAddress goes on. It begins anywhere, since other processes choose as well.
var nextPort atomic.Uint32

func init() { nextPort.Store(rand.Uint32N(ports)) }

// FreeAddress finds a port of a host, by default 127.0.0.1, that nobody listens on. No port is found twice by one process, until all were.
func FreeAddress(host string) (string, error) {
	var err error
	for range ports {
		address := net.JoinHostPort(cmp.Or(host, "127.0.0.1"), strconv.Itoa(firstPort+int(nextPort.Add(1)%ports)))
		var listener net.Listener
		if listener, err = net.Listen("tcp", address); err == nil { //nolint:noctx // listening does not block
			return address, listener.Close()
		}
	}
	return "", fmt.Errorf("none of the ports from %d to %d is free: %w", firstPort, firstPort+ports-1, err)
}
