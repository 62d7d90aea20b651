// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package gateway is what applications talk to: sign on, heartbeat, prompt and sign out over HTTP, on every replica. Its contract is pkg/gatewayapi.
//
// A login becomes a UserSession that the leader decides on; the gateway waits for that by watching. It decides nothing itself, but for one thing: from its own view of a
// pool it refuses a login that the leader would refuse, so that a full pool costs the API server nothing (invariant 9). Heartbeats go to the activity.Recorder, in memory.
package gateway
