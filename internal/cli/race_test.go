// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build race

package cli

const raceEnabled = true
