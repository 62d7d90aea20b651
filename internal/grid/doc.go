// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package grid is how people see sessions: the rows of the live grid (A7) with its filters and orders, every field of one session (C1), why it stands as it does, and times in the
// reader's own format and in one that is unambiguous (B7). It reads nothing and writes nothing; all that it says follows from the records, what gateways know better, and a now.
package grid
