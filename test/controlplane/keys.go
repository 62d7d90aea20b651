// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// The files of the key folder.
const (
	caCert      = "ca.crt"
	servingCert = "serving.crt"
	servingKey  = "serving.key"
	adminCert   = "admin.crt"
	adminKey    = "admin.key"
	tokenKey    = "tokens.key" // signs and checks service account tokens
)

// ensureKeys makes all keys and certificates in dir, once: clients of an earlier run keep working.
func ensureKeys(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The folder appears whole or not at all, so a run that was cut short leaves nothing half made.
	partial := dir + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o700); err != nil {
		return err
	}
	if err := makeKeys(partial); err != nil {
		return fmt.Errorf("making keys: %w", err)
	}
	return os.Rename(partial, dir)
}

func makeKeys(dir string) error {
	tokens, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(filepath.Join(dir, tokenKey), tokens); err != nil {
		return err
	}

	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := template("seatkeeper-test-ca")
	authority.IsCA, authority.BasicConstraintsValid = true, true
	authority.KeyUsage |= x509.KeyUsageCertSign
	if err := sign(filepath.Join(dir, caCert), authority, authority, authorityKey.Public(), authorityKey); err != nil {
		return err
	}

	serving := template("kube-apiserver")
	serving.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	serving.DNSNames = []string{"localhost"}
	serving.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}

	admin := template("admin")
	admin.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	admin.Subject.Organization = []string{"system:masters"}

	for _, leaf := range []struct {
		template  *x509.Certificate
		cert, key string
	}{{serving, servingCert, servingKey}, {admin, adminCert, adminKey}} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		if err := writeKey(filepath.Join(dir, leaf.key), key); err != nil {
			return err
		}
		if err := sign(filepath.Join(dir, leaf.cert), leaf.template, authority, key.Public(), authorityKey); err != nil {
			return err
		}
	}
	return nil
}

// template is a certificate that outlives any data folder.
func template(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(10, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
	}
}

func sign(path string, cert, authority *x509.Certificate, key crypto.PublicKey, authorityKey crypto.Signer) error {
	der, err := x509.CreateCertificate(rand.Reader, cert, authority, key, authorityKey)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), 0o600)
}
