// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package replica

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/seatkeeper/seatkeeper/test/controlplane"
)

const (
	// readyTimeout is for slow, busy machines; two seconds are usual.
	readyTimeout = 2 * time.Minute
	// stopTimeout is longer than the operator takes to stop in order at the most.
	stopTimeout  = 45 * time.Second
	pollInterval = 50 * time.Millisecond
)

// Options say how a replica runs. The zero value is one that leads without an election and serves plain HTTP.
type Options struct {
	// Kubeconfig is the file to reach the API server with; default: the operator's own service account's. See KubeconfigVia.
	Kubeconfig string
	// TLS is --gateway-tls; default off.
	TLS string
	// LeaderElect lets one of several replicas lead.
	LeaderElect bool
	// Address is where the gateway listens; default: a free loopback port.
	Address string
	// Args are further flags.
	Args []string
}

// Replica is one process of the operator.
type Replica struct {
	// URL is the gateway's, Probes and Metrics are the addresses of the others.
	URL     string
	Address string
	Probes  string
	Metrics string

	child *controlplane.Child
	log   string
}

// Start starts a replica and returns when its readiness probe says that it is ready. The context bounds the start alone; Stop or Kill end the replica, and so
// does the end of this process.
func (i *Installation) Start(ctx context.Context, o Options) (*Replica, error) {
	r, err := i.Launch(o)
	if err != nil {
		return nil, err
	}
	if err := r.WaitReady(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", err, r.Kill())
	}
	return r, nil
}

// Launch starts a replica and does not wait for it.
func (i *Installation) Launch(o Options) (*Replica, error) {
	r := &Replica{Address: o.Address, log: filepath.Join(i.Dir, "replica-"+strconv.Itoa(int(i.replicas.Add(1)))+".log")}
	for _, address := range []*string{&r.Address, &r.Probes, &r.Metrics} {
		if *address != "" {
			continue
		}
		var err error
		if *address, err = controlplane.FreeAddress(""); err != nil {
			return nil, err
		}
	}
	if o.Kubeconfig == "" {
		o.Kubeconfig = i.Kubeconfig()
	}
	if o.TLS == "" {
		o.TLS = "off"
	}
	r.URL = "https://" + r.Address
	if o.TLS == "off" {
		r.URL = "http://" + r.Address
	}
	var err error
	r.child, err = controlplane.StartChild(i.Binary, r.log, append([]string{
		"--kubeconfig", o.Kubeconfig, "--leader-elect=" + strconv.FormatBool(o.LeaderElect), "--gateway-tls", o.TLS,
		"--gateway-bind-address", r.Address, "--health-probe-bind-address", r.Probes, "--metrics-bind-address", r.Metrics,
	}, o.Args...)...)
	return r, err
}

// WaitReady returns when the replica is ready, or with an error when it ended or took too long.
func (r *Replica) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		err := r.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-r.child.Ended():
			return fmt.Errorf("the replica ended before it was ready: %w", r.child.Err())
		case <-ctx.Done():
			return fmt.Errorf("the replica is not ready: %w; its log:\n%s", err, r.Log())
		case <-time.After(pollInterval):
		}
	}
}

// Ready is nil if the readiness probe says so.
func (r *Replica) Ready(ctx context.Context) error {
	answer, err := get(ctx, "http://"+r.Probes+"/readyz?verbose")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("/readyz answers %d: %s", answer.StatusCode, text)
	}
	return nil
}

// Stop ends the replica as a rolling update does: it must go by itself and without an error.
func (r *Replica) Stop() error {
	if err := r.Terminate(); err != nil {
		return err
	}
	return r.WaitEnd()
}

// Terminate sends the signal that asks the replica to end (SIGTERM), and does not wait.
func (r *Replica) Terminate() error { return r.child.Signal(syscall.SIGTERM) }

// WaitEnd waits until the replica has ended; it must do so without an error.
func (r *Replica) WaitEnd() error {
	select {
	case <-r.child.Ended():
		return r.child.Err()
	case <-time.After(stopTimeout):
		return fmt.Errorf("the replica did not stop within %s; its log:\n%s", stopTimeout, r.Log())
	}
}

// Kill ends the replica as a crash does. When it returns, the process is gone.
func (r *Replica) Kill() error {
	if err := r.child.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-r.child.Ended()
	return nil
}

// Ended is closed when the process is gone.
func (r *Replica) Ended() <-chan struct{} { return r.child.Ended() }

// Pause stops the process where it is (SIGSTOP), Resume lets it go on.
func (r *Replica) Pause() error { return r.child.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (r *Replica) Resume() error { return r.child.Signal(syscall.SIGCONT) }

// LogPath is the file of the replica's log.
func (r *Replica) LogPath() string { return r.log }

// Log is what the replica has written to its log so far.
func (r *Replica) Log() string {
	text, err := os.ReadFile(r.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// named is how a replica's log names it, once it has started.
var named = regexp.MustCompile(`"replica": ?"([^"]+)"`)

// Name is what the replica calls itself, in its Leases and on records; empty before it has said so.
func (r *Replica) Name() string {
	if found := named.FindStringSubmatch(r.Log()); found != nil {
		return found[1]
	}
	return ""
}

// Metric is the sum of a metric's series whose labels have all of these (`pool="p"`).
func (r *Replica) Metric(ctx context.Context, name string, labels ...string) (float64, error) {
	answer, err := get(ctx, "http://"+r.Metrics+"/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	return Sum(string(text), name, labels...)
}

// Sum adds up those series of a metric, in the text format of Prometheus, whose labels have all of these.
func Sum(text, name string, labels ...string) (float64, error) {
	total := 0.0
series:
	for line := range strings.Lines(text) {
		series, value, ok := cutLast(strings.TrimSpace(line), " ")
		if !ok || (series != name && !strings.HasPrefix(series, name+"{")) {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(series, label) {
				continue series
			}
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", series, err)
		}
		total += number
	}
	return total, nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

func get(ctx context.Context, url string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		cancel()
		return nil, err
	}
	answer.Body = &closing{answer.Body, cancel}
	return answer, nil
}

// closing ends its request's context with the body.
type closing struct {
	io.ReadCloser
	then context.CancelFunc
}

func (c *closing) Close() error {
	defer c.then()
	return c.ReadCloser.Close()
}
