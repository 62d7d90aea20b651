// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package servingcert

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

func config(t *testing.T, mode string, hosts ...string) *tls.Config {
	t.Helper()
	got, err := Config(t.Context(), mode, hosts, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// served is the certificate that a new connection gets.
func served(t *testing.T, c *tls.Config) *tls.Certificate {
	t.Helper()
	got, err := c.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func leaf(t *testing.T, c *tls.Certificate) *x509.Certificate {
	t.Helper()
	got, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestOff(t *testing.T) {
	if got := config(t, Off); got != nil {
		t.Errorf("a TLS configuration for plain HTTP: %v", got)
	}
}

func TestRefusedModes(t *testing.T) {
	empty, half, mixed, file := t.TempDir(), t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "file")
	write(t, half, newPair(t), certificateFile)
	write(t, mixed, newPair(t), certificateFile)
	write(t, mixed, newPair(t), keyFile)
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ mode, hosts, want string }{
		"nothing":            {"", "", "must be off, self-signed, or a folder"},
		"a word":             {"on", "", "must be off, self-signed, or a folder"},
		"a file":             {file, "", "must be off, self-signed, or a folder"},
		"an empty folder":    {empty, "", "must hold a certificate (tls.crt) and its key (tls.key)"},
		"no key":             {half, "", "must hold a certificate (tls.crt) and its key (tls.key)"},
		"not its key":        {mixed, "", "must hold a certificate (tls.crt) and its key (tls.key)"},
		"a host with a port": {SelfSigned, "gateway:8443", "must be a DNS name or an address"},
		"an empty host":      {SelfSigned, " ", "must be a DNS name or an address"},
	} {
		t.Run(what, func(t *testing.T) {
			var hosts []string
			if c.hosts != "" {
				hosts = []string{c.hosts}
			}
			got, err := Config(t.Context(), c.mode, hosts, logr.Discard())
			if err == nil || got != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestSelfSignedIsServed(t *testing.T) {
	c := config(t, SelfSigned, "Gateway.example.com", "192.0.2.7", "*.apps.example.com", "::ffff:192.0.2.8", "seatkeeper.seatkeeper-system.svc")
	if c.MinVersion != tls.VersionTLS12 {
		t.Errorf("accepts TLS from %x on", c.MinVersion)
	}
	certificate := leaf(t, served(t, c))
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	for _, host := range []string{
		"localhost", "127.0.0.1", "::1", "gateway.example.com", "192.0.2.7", "192.0.2.8", "a.apps.example.com", "seatkeeper.seatkeeper-system.svc",
	} {
		if _, err := certificate.Verify(x509.VerifyOptions{DNSName: host, Roots: roots}); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
	if certificate.VerifyHostname("example.com") == nil || certificate.IsCA {
		t.Error("it is good for more than it must be")
	}

	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	server.TLS = c
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "gateway.example.com"}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "HTTP/2.0" {
		t.Errorf("answered by %q, %v", body, err)
	}
}

func TestSelfSignedIsRenewed(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	c := clocktesting.NewFakePassiveClock(start)
	s, err := newSelfSigned([]string{"gateway"}, c, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	get := func(at time.Time) *tls.Certificate {
		t.Helper()
		c.SetTime(at)
		got, err := s.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		if certificate := leaf(t, got); !certificate.NotBefore.Before(at) || !certificate.NotAfter.After(at) {
			t.Errorf("at %s a certificate from %s to %s is served", at, certificate.NotBefore, certificate.NotAfter)
		}
		return got
	}
	first := get(start)
	if got := get(start.Add(lifetime - renewBefore - time.Minute)); got != first {
		t.Error("renewed too early")
	}
	second := get(start.Add(lifetime - renewBefore + time.Minute))
	if second == first || bytes.Equal(second.Certificate[0], first.Certificate[0]) || second.PrivateKey.(*ecdsa.PrivateKey).Equal(first.PrivateKey) {
		t.Error("not renewed with a key of its own before its end")
	}
	// A clock that was wrong: a certificate that is not yet valid, or has ended, is replaced too.
	get(start.Add(-365 * 24 * time.Hour))
	get(start.Add(365 * 24 * time.Hour))
}

// newPair makes a certificate and its key, in PEM.
func newPair(t *testing.T) map[string][]byte {
	t.Helper()
	s, err := newSelfSigned(nil, clock.RealClock{}, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(s.current.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{
		certificateFile: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.current.Certificate[0]}),
		keyFile:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}
}

func write(t *testing.T, folder string, pair map[string][]byte, files ...string) {
	t.Helper()
	for _, file := range files {
		if err := os.WriteFile(filepath.Join(folder, file), pair[file], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// swapped is a folder as the kubelet mounts a Secret: links to the folder of the current version, which is exchanged as a whole.
func swapped(t *testing.T) (folder string, swap func(pair map[string][]byte)) {
	t.Helper()
	folder = t.TempDir()
	for _, file := range []string{certificateFile, keyFile} {
		if err := os.Symlink(filepath.Join("..data", file), filepath.Join(folder, file)); err != nil {
			t.Fatal(err)
		}
	}
	old, versions := "", 0
	return folder, func(pair map[string][]byte) {
		t.Helper()
		versions++
		version := filepath.Join(folder, fmt.Sprint("..version", versions))
		if err := os.Mkdir(version, 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, version, pair, certificateFile, keyFile)
		link := filepath.Join(folder, "..next")
		if err := os.Symlink(filepath.Base(version), link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(folder, "..data")); err != nil {
			t.Fatal(err)
		}
		if old != "" {
			if err := os.RemoveAll(old); err != nil {
				t.Fatal(err)
			}
		}
		old = version
	}
}

func TestAFolderIsFollowed(t *testing.T) {
	folder, swap := swapped(t)
	swap(newPair(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c, err := Config(ctx, folder, nil, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	if c.MinVersion != tls.VersionTLS12 || len(c.NextProtos) == 0 || c.NextProtos[0] != "h2" {
		t.Errorf("serves %v from TLS %x on", c.NextProtos, c.MinVersion)
	}
	for range 2 {
		next := newPair(t)
		block, _ := pem.Decode(next[certificateFile])
		swap(next)
		for end := time.Now().Add(30 * time.Second); !bytes.Equal(served(t, c).Certificate[0], block.Bytes); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the old certificate is served 30 s after it was exchanged")
			}
		}
	}
	// Half a change is no change: what was served goes on.
	before := served(t, c)
	swap(map[string][]byte{certificateFile: newPair(t)[certificateFile], keyFile: []byte("damaged")})
	for range 20 {
		if !bytes.Equal(served(t, c).Certificate[0], before.Certificate[0]) {
			t.Fatal("a certificate without its key is served")
		}
		time.Sleep(20 * time.Millisecond)
	}
}
