// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package servingcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/clock"
)

const (
	lifetime = 30 * 24 * time.Hour
	// renewBefore is how long before its end a certificate is replaced.
	renewBefore = 10 * 24 * time.Hour
	// backdated is how far a client's clock may lag.
	backdated = time.Hour
)

// selfSigned holds this process's own certificate. A handshake that finds it due makes the next one: nothing needs to run in the background.
type selfSigned struct {
	names     []string
	addresses []netip.Addr
	clock     clock.PassiveClock
	log       logr.Logger

	mu      sync.Mutex
	current *tls.Certificate
}

func newSelfSigned(hosts []string, by clock.PassiveClock, log logr.Logger) (*selfSigned, error) {
	s := &selfSigned{
		names:     []string{"localhost"},
		addresses: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()},
		clock:     by, log: log,
	}
	for _, host := range hosts {
		host = strings.TrimSpace(host)
		if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
			s.addresses = append(s.addresses, addr.Unmap())
			continue
		}
		name := strings.ToLower(host)
		if len(validation.IsDNS1123Subdomain(strings.TrimPrefix(name, "*."))) > 0 {
			return nil, fmt.Errorf("a host of the self-signed certificate must be a DNS name or an address, without a port; %q is neither", host)
		}
		s.names = append(s.names, name)
	}
	if _, err := s.get(nil); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *selfSigned) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if s.current != nil && now.After(s.current.Leaf.NotBefore) && now.Before(s.current.Leaf.NotAfter.Add(-renewBefore)) {
		return s.current, nil
	}
	made, err := s.sign(now)
	switch {
	case err == nil:
		s.current = made
	case s.current == nil:
		return nil, err
	default:
		s.log.Error(err, "Cannot renew the self-signed TLS certificate; serving the one before")
	}
	return s.current, nil
}

func (s *selfSigned) sign(now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of a self-signed certificate: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("making the number of a self-signed certificate: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "seatkeeper"},
		NotBefore:    now.Add(-backdated), NotAfter: now.Add(lifetime),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              s.names,
	}
	for _, addr := range s.addresses {
		template.IPAddresses = append(template.IPAddresses, addr.AsSlice())
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("signing a self-signed certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading a self-signed certificate: %w", err)
	}
	fingerprint := sha256.Sum256(der)
	s.log.Info("Made a self-signed TLS certificate", "sha256", hex.EncodeToString(fingerprint[:]), "until", leaf.NotAfter.Format(time.RFC3339))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}
