// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs a real Kubernetes control plane, without nodes, as child processes on loopback ports:
// etcd, kube-apiserver and kube-controller-manager. It is for tests and for work on one machine.
//
// It exists beside controller-runtime's envtest because it keeps keys, certificates and data over restarts, runs the
// controllers that make namespaces and owned objects vanish, authorizes by RBAC with service accounts as a cluster
// does, and stops in seconds while watches are open.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	// startTimeout is for slow, busy machines; 5 to 8 seconds are usual.
	startTimeout = 2 * time.Minute
	pollInterval = 50 * time.Millisecond

	// The API server waits up to a minute for open watches to end; nobody here wants to. What it acknowledged is in etcd.
	apiServerGrace = 2 * time.Second
	otherGrace     = 5 * time.Second
)

// Options say how a control plane runs. The zero value is right for most tests.
type Options struct {
	// BinDir is the folder of the binaries; default: $KUBEBUILDER_ASSETS.
	BinDir string

	// DataDir keeps keys, certificates, etcd's data and logs; made if missing, kept by Stop, and good for a later Start.
	// Default: a temporary folder that Stop removes.
	DataDir string

	// UnsafeNoFsync spares etcd's disk flushes: much faster, and data may be lost when the machine (not the process) fails.
	UnsafeNoFsync bool
}

// Cluster is a running control plane.
type Cluster struct {
	opts      Options
	temporary bool // the data folder is ours to remove
	etcdURL   string
	config    *rest.Config
	client    kubernetes.Interface

	etcd, apiServer, controllerManager *process
}

// Start runs a control plane and returns when it is ready: the API server answers and the namespace and service account
// `default` exist. The context bounds the start alone; Stop ends the control plane, and on Linux so does the end of this process.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	c := &Cluster{opts: opts}
	if c.opts.BinDir == "" {
		c.opts.BinDir = os.Getenv("KUBEBUILDER_ASSETS")
	}
	if c.opts.BinDir == "" {
		return nil, errors.New("KUBEBUILDER_ASSETS must name the folder of the control plane's binaries; `make assets` prints it")
	}
	if c.opts.DataDir == "" {
		dir, err := os.MkdirTemp("", "seatkeeper-controlplane-")
		if err != nil {
			return nil, err
		}
		c.opts.DataDir, c.temporary = dir, true
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	if err := c.prepare(); err != nil {
		return err
	}
	// The API server waits for etcd by itself, so starting both at once saves a second.
	if err := c.startEtcd(); err != nil {
		return err
	}
	if err := c.startAPIServer(); err != nil {
		return err
	}
	if err := c.wait(ctx, c.apiServer, func() error {
		return c.client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}); err != nil {
		return err
	}
	if err := c.startControllerManager(); err != nil {
		return err
	}
	if err := c.wait(ctx, c.apiServer, func() error {
		_, err := c.client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
		return err
	}); err != nil {
		return err
	}
	return c.wait(ctx, c.controllerManager, func() error {
		_, err := c.client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// prepare makes the data folder with its keys, and settles the addresses, which stay the same as long as the cluster runs.
func (c *Cluster) prepare() error {
	if err := os.MkdirAll(c.opts.DataDir, 0o700); err != nil {
		return err
	}
	if err := ensureKeys(c.path("keys")); err != nil {
		return err
	}
	etcdAddress, err := FreeAddress("")
	if err != nil {
		return err
	}
	c.etcdURL = "http://" + etcdAddress
	apiAddress, err := FreeAddress("")
	if err != nil {
		return err
	}
	c.config = &rest.Config{
		Host: "https://" + apiAddress,
		QPS:  -1, // no limit: tests measure the server, not the client
	}
	for file, content := range map[string]*[]byte{
		caCert:    &c.config.CAData,
		adminCert: &c.config.CertData,
		adminKey:  &c.config.KeyData,
	} {
		if *content, err = os.ReadFile(c.path("keys", file)); err != nil {
			return err
		}
	}
	c.client, err = kubernetes.NewForConfig(c.config)
	return err
}

// Stop ends the control plane within seconds, also while clients watch, and removes its data if its folder was temporary.
func (c *Cluster) Stop() error {
	var errs []error
	for _, child := range []struct {
		*process
		grace time.Duration
	}{{c.controllerManager, otherGrace}, {c.apiServer, apiServerGrace}, {c.etcd, otherGrace}} {
		if child.process != nil {
			errs = append(errs, child.stop(child.grace))
		}
	}
	if c.temporary {
		errs = append(errs, os.RemoveAll(c.opts.DataDir))
	}
	return errors.Join(errs...)
}

// Wait returns when the context is done, without an error, or when a part of the control plane ended by itself, with one.
func (c *Cluster) Wait(ctx context.Context) error {
	ended := c.etcd
	select {
	case <-ctx.Done():
		return nil
	case <-c.etcd.exited:
	case <-c.apiServer.exited:
		ended = c.apiServer
	case <-c.controllerManager.exited:
		ended = c.controllerManager
	}
	return ended.failure(nil)
}

func (c *Cluster) startEtcd() (err error) {
	c.etcd, err = c.run("etcd",
		"--data-dir="+c.path("etcd"),
		"--listen-client-urls="+c.etcdURL,
		"--advertise-client-urls="+c.etcdURL,
		"--listen-peer-urls=http://127.0.0.1:0",
		"--unsafe-no-fsync="+strconv.FormatBool(c.opts.UnsafeNoFsync),
		// Benchmarks write more than the default of 2 GiB between two compactions.
		"--quota-backend-bytes=8589934592",
		"--log-level=warn",
	)
	return err
}

func (c *Cluster) startAPIServer() error {
	_, port, err := net.SplitHostPort(strings.TrimPrefix(c.config.Host, "https://"))
	if err != nil {
		return err
	}
	c.apiServer, err = c.run("kube-apiserver",
		"--etcd-servers="+c.etcdURL,
		"--bind-address=127.0.0.1",
		"--advertise-address=127.0.0.1",
		"--secure-port="+port,
		"--endpoint-reconciler-type=none", // a loopback address is no valid endpoint
		"--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC",
		"--client-ca-file="+c.path("keys", caCert),
		"--tls-cert-file="+c.path("keys", servingCert),
		"--tls-private-key-file="+c.path("keys", servingKey),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+c.path("keys", tokenKey),
		"--service-account-signing-key-file="+c.path("keys", tokenKey),
	)
	return err
}

func (c *Cluster) startControllerManager() error {
	kubeconfig := c.path("controller-manager.kubeconfig")
	if err := c.WriteKubeconfig(kubeconfig); err != nil {
		return err
	}
	var err error
	c.controllerManager, err = c.run("kube-controller-manager",
		"--kubeconfig="+kubeconfig,
		"--kube-api-qps=500", "--kube-api-burst=1000", // namespaces with thousands of objects vanish in seconds
		"--leader-elect=false",
		"--secure-port=0",
		"--service-account-private-key-file="+c.path("keys", tokenKey),
		"--root-ca-file="+c.path("keys", caCert),
		"--controllers=namespace-controller,garbage-collector-controller,serviceaccount-controller,"+
			"serviceaccount-token-controller,clusterrole-aggregation-controller",
	)
	return err
}

func (c *Cluster) run(name string, args ...string) (*process, error) {
	return startProcess(filepath.Join(c.opts.BinDir, name), c.path(name+".log"), args...)
}

// path is that of a file in the data folder.
func (c *Cluster) path(elements ...string) string {
	return filepath.Join(append([]string{c.opts.DataDir}, elements...)...)
}

// wait tries until the probe succeeds. If the child ends, or time runs out, the error quotes the child's log.
func (c *Cluster) wait(ctx context.Context, p *process, probe func() error) error {
	for {
		err := probe()
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return p.failure(err)
		case <-ctx.Done():
			return p.failure(fmt.Errorf("not ready in time: %w", err))
		case <-time.After(pollInterval):
		}
	}
}
