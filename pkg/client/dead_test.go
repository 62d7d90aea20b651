// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
)

// deadable is a network between client and gateway that can swallow all that comes on the connections that there are.
type deadable struct {
	mu    sync.Mutex
	conns []*swallow
}
type swallow struct {
	mu   sync.Mutex
	dead bool
}

func (s *swallow) copy(to io.Writer, from io.Reader) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		s.mu.Lock()
		dead := s.dead
		s.mu.Unlock()
		if n > 0 && !dead {
			_, _ = to.Write(b[:n])
		}
		if err != nil {
			return
		}
	}
}

// The node of a replica vanishes: no packet of the connection is answered, not even by a reset. The next calls must find another replica well before lostAfterSeconds.
func TestAConnectionThatIsDead(t *testing.T) {
	g := newGateway()
	server := httptest.NewUnstartedServer(http.HandlerFunc(g.ServeHTTP))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	front, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	d := &deadable{}
	go func() {
		for {
			in, err := front.Accept()
			if err != nil {
				return
			}
			out, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				return
			}
			s := &swallow{}
			d.mu.Lock()
			d.conns = append(d.conns, s)
			d.mu.Unlock()
			go s.copy(out, in)
			go s.copy(in, out)
		}
	}()
	c, err := client.New(client.Options{URL: "https://" + front.Addr().String(), InsecureSkipVerify: true, Token: func(context.Context) (string, error) { return "t", nil }})
	if err != nil {
		t.Fatal(err)
	}
	pool := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := c.Pool(ctx, "itsm", "service-desk")
		return err
	}
	if err := pool(); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	for _, s := range d.conns {
		s.mu.Lock()
		s.dead = true
		s.mu.Unlock()
	}
	d.mu.Unlock()
	began := time.Now()
	for tries := 1; ; tries++ {
		err := pool()
		if err == nil {
			t.Logf("through after %d tries, %v", tries, time.Since(began))
			return
		}
		if time.Since(began) > 50*time.Second {
			t.Fatalf("still not through after %d tries in %v: %v", tries, time.Since(began), err)
		}
	}
}
