// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package console serves a page to the person who started it, on loopback alone: the pools and their seats (A4), their use over time (A5, A6), the live sessions (A7, A8), and
// the end of those that an administrator picks (A9).
//
// It adds no permission. All that it reads and writes goes to the API server as the user of the kubeconfig, and the browser never holds a credential of the cluster. The page is
// guarded against other sites in the same browser and other users of the same machine: see guard and door.
package console
