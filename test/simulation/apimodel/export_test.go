// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package apimodel

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Data is what a patch says.
func (r *Request) Data() []byte { return r.data }

// Preconditions are those of a deletion; nil: there are none.
func (r *Request) Preconditions() *metav1.Preconditions { return r.preconditions }
