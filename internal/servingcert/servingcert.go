// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package servingcert makes the TLS configuration that the gateway serves with.
package servingcert

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// The modes that are no folder.
const (
	Off        = "off"
	SelfSigned = "self-signed"
)

// The files of a folder, as a Secret of type kubernetes.io/tls mounts them.
const (
	certificateFile = "tls.crt"
	keyFile         = "tls.key"
)

const readEvery = 10 * time.Second

// Config returns the TLS configuration of a mode:
//   - "off": nil, plain HTTP;
//   - "self-signed": a certificate of this process alone, for the hosts (names and addresses) and localhost, 127.0.0.1 and ::1, made anew before it ends;
//   - a folder: its tls.crt and tls.key, in PEM, read again when they change. What they hold while they cannot be read, or do not match, is ignored.
//
// It serves TLS 1.2 at least, and HTTP/2. What runs in the background ends with ctx.
func Config(ctx context.Context, mode string, hosts []string, log logr.Logger) (*tls.Config, error) {
	var certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	switch mode {
	case "":
		return nil, errors.New("the TLS mode must be off, self-signed, or a folder with tls.crt and tls.key")
	case Off:
		return nil, nil
	case SelfSigned:
		signed, err := newSelfSigned(hosts, clock.RealClock{}, log)
		if err != nil {
			return nil, err
		}
		certificate = signed.get
	default:
		var err error
		if certificate, err = fromFolder(ctx, mode, log); err != nil {
			return nil, err
		}
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: certificate}, nil
}

// fromFolder serves the folder's certificate, and follows it until ctx ends.
func fromFolder(ctx context.Context, folder string, log logr.Logger) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	certificate, key := filepath.Join(folder, certificateFile), filepath.Join(folder, keyFile)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("the TLS mode must be off, self-signed, or a folder that holds %s and %s; %q is none", certificateFile, keyFile, folder)
	}
	watcher, err := certwatcher.New(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("the TLS folder %s must hold a certificate (%s) and its key (%s), both in PEM: %w", folder, certificateFile, keyFile, err)
	}
	go follow(ctx, watcher, log.WithValues("folder", folder))
	return watcher.GetCertificate, nil
}

// follow reads the files again when they change, until ctx ends; without notices from the file system, every readEvery.
func follow(ctx context.Context, watcher *certwatcher.CertWatcher, log logr.Logger) {
	err := watcher.Start(ctx)
	if ctx.Err() != nil {
		return
	}
	log.Error(err, "Cannot be told when the TLS certificate changes; reading it regularly", "every", readEvery.String())
	ticker := time.NewTicker(readEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := watcher.ReadCertificate(); err != nil {
				log.Error(err, "Cannot read the TLS certificate; serving the one before")
			}
		}
	}
}
