// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gatewayapi_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// The document is a valid OpenAPI 3.1 document, and its examples keep its own schemas.
func TestDocumentIsValid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(gatewayapi.Document)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
}
