// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package controlplane

import "syscall"

// childAttributes keeps a terminal's Ctrl-C from the children: we end them in order. Only Linux can also tie their lives to ours.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
