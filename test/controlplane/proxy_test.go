// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
)

// dialled is a connection through a proxy to a server that sends everything back.
type dialled struct {
	net.Conn
	lines *bufio.Reader
}

// echo sends a line and waits for it to come back.
func (d dialled) echo(limit time.Duration, line string) error {
	if err := d.SetDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	if _, err := io.WriteString(d, line+"\n"); err != nil {
		return err
	}
	return d.expect(line)
}

func (d dialled) expect(line string) error {
	got, err := d.lines.ReadString('\n')
	if err == nil && got != line+"\n" {
		err = fmt.Errorf("got %q, want %q", got, line)
	}
	return err
}

func startEcho(t *testing.T) (*Proxy, func() dialled) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // listening on loopback does not block
	check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	proxy, err := newProxy(listener.Addr().String())
	check(t, err)
	t.Cleanup(func() { _ = proxy.Close() })
	return proxy, func() dialled {
		t.Helper()
		conn, err := net.Dial("tcp", proxy.Address()) //nolint:noctx // loopback
		check(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return dialled{conn, bufio.NewReader(conn)}
	}
}

func TestAProxyPassesOnUntilItIsSilent(t *testing.T) {
	proxy, dial := startEcho(t)
	old := dial()
	check(t, old.echo(time.Minute, "one"))

	proxy.Silence()
	if err := old.echo(300*time.Millisecond, "two"); err == nil {
		t.Error("a silent proxy passed something on")
	}
	late := dial()
	if err := late.echo(300*time.Millisecond, "three"); err == nil {
		t.Error("a silent proxy passed something on over a new connection")
	}
	proxy.Restore()
	for conn, line := range map[dialled]string{old: "two", late: "three"} { // what waited comes first
		check(t, conn.SetDeadline(time.Now().Add(time.Minute)))
		check(t, conn.expect(line))
		check(t, conn.echo(time.Minute, "four"))
	}
}

func TestAProxyThatIsCutBreaksConnections(t *testing.T) {
	proxy, dial := startEcho(t)
	old := dial()
	check(t, old.echo(time.Minute, "one"))
	proxy.Cut()
	if err := old.echo(time.Minute, "two"); err == nil {
		t.Error("a connection outlived the cut")
	}
	if err := dial().echo(time.Minute, "three"); err == nil {
		t.Error("a new connection was served")
	}
	proxy.Restore()
	check(t, dial().echo(time.Minute, "four"))
}

func TestAProxyDelays(t *testing.T) {
	proxy, dial := startEcho(t)
	conn := dial()
	proxy.Delay(200 * time.Millisecond)
	began := time.Now()
	check(t, conn.echo(time.Minute, "one"))
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("there and back took %s, want twice the delay of 200 ms", took)
	}
}
