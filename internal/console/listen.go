// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package console

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"golang.org/x/net/netutil"
)

// maxConnections bounds those that are open at once on each address. A browser opens six at the most.
const maxConnections = 64

// Listen listens on loopback and nowhere else: on 127.0.0.1 and, where the machine has it, on ::1 at the same port. Port 0 takes a free one.
// A port that is taken on either address is an error: whoever has it there could pass for the console.
func Listen(port int) ([]net.Listener, error) {
	first, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // it takes no time
	if err != nil {
		return nil, fmt.Errorf("the console must have a free port on 127.0.0.1; choose another by --port: %w", err)
	}
	listeners := []net.Listener{netutil.LimitListener(first, maxConnections)}
	port = first.Addr().(*net.TCPAddr).Port
	second, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(port))) //nolint:noctx // it takes no time
	switch {
	case err == nil:
		return append(listeners, netutil.LimitListener(second, maxConnections)), nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, errors.Join(fmt.Errorf("the console must have port %d on ::1 as well; choose another by --port: %w", port, err), first.Close())
	default:
		return listeners, nil // no IPv6 here
	}
}
