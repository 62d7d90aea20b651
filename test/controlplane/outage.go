// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"syscall"
)

// PauseAPIServer stops the API server where it is (SIGSTOP): connections stay open and nothing is answered, and of what was under way nobody knows whether it was done.
func (c *Cluster) PauseAPIServer() error { return c.apiServer.signal(syscall.SIGSTOP) }

// ResumeAPIServer lets a paused API server go on.
func (c *Cluster) ResumeAPIServer() error { return c.apiServer.signal(syscall.SIGCONT) }

// StopAPIServer ends the API server alone: connections break and are refused. Data, keys and addresses stay.
func (c *Cluster) StopAPIServer() error { return c.apiServer.stop(apiServerGrace) }

// RestartAPIServer starts the API server after StopAPIServer, at the same address with the same keys, and returns when it is ready.
func (c *Cluster) RestartAPIServer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.startAPIServer(); err != nil {
		return err
	}
	return c.wait(ctx, c.apiServer, func() error {
		return c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

// EtcdURL is where etcd serves its clients, without TLS: for tests that read the history that the API server wrote, over its outages as well.
func (c *Cluster) EtcdURL() string { return c.etcdURL }

// StopEtcd ends etcd alone: the API server answers, and can neither read nor write. Its data stays.
func (c *Cluster) StopEtcd() error { return c.etcd.stop(otherGrace) }

// RestartEtcd starts etcd after StopEtcd, at the same address with the same data, and returns when the API server is ready again.
func (c *Cluster) RestartEtcd(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.startEtcd(); err != nil {
		return err
	}
	return c.wait(ctx, c.etcd, func() error {
		return c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}
