// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package cli is the commands of `kubectl seats`. A command is an Options type with Complete (what the flags and the cluster's configuration
// say), Validate (whether that makes sense) and Run (do it); a constructor binds it to flags. Nothing is global: streams, clock and
// version come with the Environment.
package cli
