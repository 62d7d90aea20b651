// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/seatkeeper/seatkeeper/test/make"
	"github.com/seatkeeper/seatkeeper/test/replica"
)

// served is the certificate that an address serves, and what else was agreed on.
func served(ctx context.Context, address string, config *tls.Config) (tls.ConnectionState, error) {
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState(), nil
}

// certificate is a self-signed one for 127.0.0.1.
type certificate struct {
	text, key []byte
	roots     *x509.CertPool
}

func newCertificate(serial int64) certificate {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "gateway"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	Expect(err).NotTo(HaveOccurred())
	c := certificate{
		text: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		roots: x509.NewCertPool(),
	}
	c.roots.AppendCertsFromPEM(c.text)
	return c
}

// write writes it to a folder as a Secret's volume changes: both files at once.
func (c certificate) write(folder string) error {
	version, err := os.MkdirTemp(filepath.Dir(folder), "version-")
	if err != nil {
		return err
	}
	link := version + ".link"
	return errors.Join(
		os.WriteFile(filepath.Join(version, "tls.crt"), c.text, 0o600), os.WriteFile(filepath.Join(version, "tls.key"), c.key, 0o600),
		os.Symlink(version, link), os.Rename(link, folder))
}

var _ = Describe("The gateway's TLS (D2)", func() {
	It("off: plain HTTP, and HTTPS is not answered", func(ctx SpecContext) {
		Expect(one.Do(ctx, http.MethodGet, "/v1/openapi.yaml", "", nil, nil)).To(be("200"))
		_, err := served(ctx, first.Address, &tls.Config{InsecureSkipVerify: true})
		Expect(err).To(HaveOccurred())
	})

	It("self-signed: a certificate for the Service's names and this machine, TLS 1.2 at least, HTTP/2", func(ctx SpecContext) {
		state, err := served(ctx, secure.Address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(state.NegotiatedProtocol).To(Equal("h2"))
		Expect(state.Version).To(BeNumerically(">=", tls.VersionTLS12))
		for _, name := range []string{"seatkeeper-gateway", "seatkeeper-gateway.seatkeeper-system.svc", "localhost", "127.0.0.1", "::1"} {
			Expect(state.PeerCertificates[0].VerifyHostname(name)).To(Succeed())
		}
		_, err = served(ctx, secure.Address, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
		Expect(err).To(MatchError(ContainSubstring("protocol version")))
		state, err = served(ctx, secure.Address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(state.NegotiatedProtocol).To(Equal("http/1.1"))
		_, err = served(ctx, secure.Address, &tls.Config{ServerName: "127.0.0.1"})
		Expect(err).To(MatchError(ContainSubstring("certificate")), "no authority signed it")
	})

	It("a folder without a certificate: the operator says so, and does not start", func(ctx SpecContext) {
		folder := GinkgoT().TempDir()
		r, err := op.Launch(replica.Options{LeaderElect: true, TLS: folder})
		Expect(err).NotTo(HaveOccurred())
		Eventually(r.Ended()).WithContext(ctx).Should(BeClosed())
		Expect(r.WaitEnd()).To(HaveOccurred())
		Expect(r.Log()).To(And(ContainSubstring("--gateway-tls"), ContainSubstring(folder)))
	})
})

// The folder is looked at every few seconds.
var _ = inShadow("The gateway's TLS from a folder: its certificate, also the one that it is exchanged for while the gateway runs", func(ctx context.Context) func(context.Context, Gomega) {
	folder := filepath.Join(GinkgoT().TempDir(), "tls")
	certificates := [3]certificate{newCertificate(1), newCertificate(2), newCertificate(3)}
	Expect(certificates[0].write(folder)).To(Succeed())
	r := startReplica(ctx, replica.Options{LeaderElect: true, TLS: folder})
	p := somewhere(ctx, MakeLicensePool("p").Concurrent(1).Obj())
	gateway := watched(r.Gateway())
	s := p.signedOn(ctx, gateway, user("ann"))
	return func(ctx context.Context, g Gomega) {
		serial := func(c certificate) func() (int64, error) {
			return func() (int64, error) {
				state, err := served(ctx, r.Address, &tls.Config{RootCAs: c.roots})
				if err != nil {
					return 0, err
				}
				return state.PeerCertificates[0].SerialNumber.Int64(), nil
			}
		}
		g.Eventually(serial(certificates[0])).Should(BeEquivalentTo(1))
		g.Expect(certificates[1].write(folder)).To(Succeed())
		g.Eventually(serial(certificates[1])).Should(BeEquivalentTo(2))
		a, err := gateway.Beat(ctx, s.Token, nil)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(a).To(be("200"))

		// Half of an exchange, or rubbish, is no reason to stop serving.
		g.Expect(os.WriteFile(filepath.Join(folder, "tls.crt"), []byte("rubbish"), 0o600)).To(Succeed())
		g.Consistently(serial(certificates[1])).WithTimeout(12 * time.Second).Should(BeEquivalentTo(2))
		g.Expect(certificates[2].write(folder)).To(Succeed())
		g.Eventually(serial(certificates[2])).Should(BeEquivalentTo(3))
	}
})
