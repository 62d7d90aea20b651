// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr/funcr"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"

	"github.com/seatkeeper/seatkeeper/internal/history"
	"github.com/seatkeeper/seatkeeper/internal/history/recorder"
)

// newRecorder makes a recorder of the cluster that the options name.
func newRecorder(o *options, log io.Writer, write func(history.Entry) error) (*recorder.Recorder, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	api, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	logger := funcr.New(func(_, text string) { fmt.Fprintln(log, "history:", text) }, funcr.Options{})
	return &recorder.Recorder{Client: api, Namespace: o.namespace, Write: write, Clock: clock.RealClock{}, Log: logger,
		Ready: func() { fmt.Fprintln(log, "history: recording") }}, nil
}

// record writes a history to a file until the context ends. A file that exists is not written over: it may be the only record of what happened.
func record(ctx context.Context, o *options, file string, log io.Writer) (int, error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return unknown, err
	}
	r, err := newRecorder(o, log, func(e history.Entry) error { return history.Write(f, e) })
	if err == nil {
		err = r.Run(ctx)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return unknown, err
	}
	return allWell, nil
}

// follow checks live. Each change is held until the watches of the other kinds must have told of all before it.
func follow(ctx context.Context, o *options, out, log io.Writer) (int, error) {
	checker, report := history.NewChecker(o.check), &reporter{out: out, json: o.json}
	var mu sync.Mutex
	var held []history.Entry
	r, err := newRecorder(o, log, func(e history.Entry) error {
		mu.Lock()
		defer mu.Unlock()
		held = append(held, e)
		return nil
	})
	if err != nil {
		return unknown, err
	}
	check := func(until time.Time) error {
		mu.Lock()
		defer mu.Unlock()
		history.Sort(held)
		// All up to the last that has been held for long enough: what was seen later and is of an earlier revision goes before it.
		n := 0
		for i, e := range held {
			if !e.Seen.After(until) {
				n = i + 1
			}
		}
		for _, e := range held[:n] {
			if err := checker.Feed(e); err != nil {
				return fmt.Errorf("%w; a watch was later than --hold=%s allows", err, o.hold)
			}
			report.report(checker)
		}
		held = append([]history.Entry(nil), held[n:]...)
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	ticker := time.NewTicker(o.hold/4 + time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if err := check(now.Add(-o.hold)); err != nil {
				return unknown, err
			}
		case err := <-ended:
			if err := errors.Join(err, check(time.Now())); err != nil {
				return unknown, err
			}
			fmt.Fprintf(out, "up to revision %d: %d findings, %d gaps\n", checker.Revision(), report.findings, report.gaps)
			return report.code(), nil
		}
	}
}
