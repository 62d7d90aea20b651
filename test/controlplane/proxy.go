// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"net"
	"strings"
	"sync"
	"time"
)

// Proxy passes TCP connections on to an API server, as long as it is told to: so one client alone can be cut off from it.
type Proxy struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	wake   *sync.Cond // something below changed
	silent bool
	refuse bool
	closed bool
	delay  time.Duration
	conns  map[net.Conn]bool
}

// Proxy starts one in front of the API server. Close ends it.
func (c *Cluster) Proxy() (*Proxy, error) {
	return newProxy(strings.TrimPrefix(c.config.Host, "https://"))
}

func newProxy(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // listening on loopback does not block
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, conns: map[net.Conn]bool{}}
	p.wake = sync.NewCond(&p.mu)
	go p.accept()
	return p, nil
}

// Address is where the proxy listens; URL is that of the API server through it, whose certificate is good for it.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// URL is that of the API server through the proxy.
func (p *Proxy) URL() string { return "https://" + p.Address() }

// Silence passes nothing on any more, as a network does that lost its way: connections stay open, new ones are accepted, and what is sent waits for Restore.
func (p *Proxy) Silence() { p.set(func() { p.silent = true }) }

// Cut breaks all connections, and new ones at once.
func (p *Proxy) Cut() {
	p.set(func() {
		p.refuse = true
		for conn := range p.conns {
			_ = conn.Close()
		}
	})
}

// Delay keeps each piece of data back for so long, in both directions.
func (p *Proxy) Delay(d time.Duration) { p.set(func() { p.delay = d }) }

// Restore passes everything on again, what waited first.
func (p *Proxy) Restore() { p.set(func() { p.silent, p.refuse, p.delay = false, false, 0 }) }

// Close ends the proxy and its connections.
func (p *Proxy) Close() error {
	p.set(func() {
		p.closed = true
		for conn := range p.conns {
			_ = conn.Close()
		}
	})
	return p.listener.Close()
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.wake.Broadcast()
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.serve(conn)
	}
}

func (p *Proxy) serve(from net.Conn) {
	if !p.add(from) {
		return
	}
	defer p.drop(from)
	if !p.may() {
		return
	}
	to, err := net.Dial("tcp", p.target) //nolint:noctx // loopback
	if err != nil {
		return
	}
	if !p.add(to) {
		return
	}
	defer p.drop(to)
	back := make(chan struct{})
	go func() {
		defer close(back)
		p.pass(from, to)
	}()
	p.pass(to, from)
	<-back
}

// add takes a connection in, unless it is refused.
func (p *Proxy) add(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.refuse {
		_ = conn.Close()
		return false
	}
	p.conns[conn] = true
	return true
}

func (p *Proxy) drop(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
}

// may waits until data may pass; false: it never will.
func (p *Proxy) may() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if delay := p.delay; delay > 0 {
		p.mu.Unlock()
		<-time.After(delay)
		p.mu.Lock()
	}
	for p.silent && !p.closed {
		p.wake.Wait()
	}
	return !p.closed
}

// pass passes on what comes in on one connection, and ends both when that ends.
func (p *Proxy) pass(from, to net.Conn) {
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !p.may() {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
