// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"context"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationv1client "k8s.io/client-go/kubernetes/typed/authentication/v1"
)

// hanging is an API server that never answers.
type hanging struct{ authenticationv1client.TokenReviewInterface }

func (hanging) Create(ctx context.Context, _ *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
