// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gatewayapi_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"sigs.k8s.io/yaml"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

func document(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(gatewayapi.Document)
	if err != nil {
		t.Fatalf("the document cannot be loaded: %v", err)
	}
	return doc
}

// The document is a valid OpenAPI 3.1 document, and its examples keep its own schemas.
func TestDocumentIsValid(t *testing.T) {
	doc := document(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("OpenAPI version %s, want 3.1", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
}

// models are the generated types of the JSON bodies, by the schema's name.
var models = map[string]func() any{
	"Login":            func() any { return new(gatewayapi.Login) },
	"SignedOn":         func() any { return new(gatewayapi.SignedOn) },
	"BulkHeartbeats":   func() any { return new(gatewayapi.BulkHeartbeats) },
	"BulkAnswers":      func() any { return new(gatewayapi.BulkAnswers) },
	"PoolUsage":        func() any { return new(gatewayapi.PoolUsage) },
	"Session":          func() any { return new(gatewayapi.Session) },
	"HeartbeatReport":  func() any { return new(gatewayapi.HeartbeatReport) },
	"Heartbeat":        func() any { return new(gatewayapi.Heartbeat) },
	"ExitRequest":      func() any { return new(gatewayapi.ExitRequest) },
	"ActivityQuestion": func() any { return new(gatewayapi.ActivityQuestion) },
	"ActivityAnswer":   func() any { return new(gatewayapi.ActivityAnswer) },
	"Problem":          func() any { return new(gatewayapi.Problem) },
}

// eachContent visits every body of the document: of requests (status "") and of answers.
func eachContent(doc *openapi3.T, visit func(where, status, contentType string, media *openapi3.MediaType)) {
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			where := method + " " + path
			if operation.RequestBody != nil {
				for contentType, media := range operation.RequestBody.Value.Content {
					visit(where, "", contentType, media)
				}
			}
			for status, answer := range operation.Responses.Map() {
				for contentType, media := range answer.Value.Content {
					visit(where+" "+status, status, contentType, media)
				}
			}
		}
	}
}

// Every JSON body has an example, and each one survives its generated model: nothing in it is unknown there, and nothing is lost.
func TestExamplesFitTheModels(t *testing.T) {
	seen := map[string]bool{}
	eachContent(document(t), func(where, status, contentType string, media *openapi3.MediaType) {
		if len(media.Examples) == 0 && !strings.HasSuffix(contentType, "yaml") {
			t.Errorf("%s %s: no example", where, contentType)
		}
		if !strings.HasSuffix(contentType, "json") {
			return
		}
		schema := strings.TrimPrefix(media.Schema.Ref, "#/components/schemas/")
		model, known := models[schema]
		if !known {
			t.Errorf("%s: no model for the schema %q", where, media.Schema.Ref)
			return
		}
		seen[schema] = true
		for name, example := range media.Examples {
			raw, err := json.Marshal(example.Value.Value)
			if err != nil {
				t.Fatal(err)
			}
			value := model()
			decoder := json.NewDecoder(bytes.NewReader(raw))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(value); err != nil {
				t.Errorf("%s, example %s: %v", where, name, err)
				continue
			}
			back, err := json.Marshal(value)
			if err != nil {
				t.Errorf("%s, example %s: %v", where, name, err)
			}
			if got, want := canonical(t, back), canonical(t, raw); got != want {
				t.Errorf("%s, example %s: came back as\n%s\nwant\n%s", where, name, got, want)
			}
			if problem, ok := value.(*gatewayapi.Problem); ok {
				if strconv.Itoa(problem.Status) != status {
					t.Errorf("%s, example %s: the problem's status is %d", where, name, problem.Status)
				}
				made := gatewayapi.NewProblem(problem.Reason, problem.Detail)
				if made.Type != problem.Type || made.Title != problem.Title || made.Status != problem.Status || made.Reason != problem.Reason {
					t.Errorf("%s, example %s: the document says %+v, NewProblem %+v", where, name, problem, made)
				}
				if name != problem.Reason {
					t.Errorf("%s: the example of %s is called %s", where, problem.Reason, name)
				}
			}
		}
	})
	for schema := range models {
		if !seen[schema] {
			t.Errorf("no body has the schema %s", schema)
		}
	}
}

// canonical is JSON with sorted keys, less the false and empty values that a model may leave out or add.
func canonical(t *testing.T, raw []byte) string {
	t.Helper()
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(withoutZeros(value))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func withoutZeros(value any) any {
	switch v := value.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, field any) bool { return field == false || field == "" })
		for name, field := range v {
			v[name] = withoutZeros(field)
		}
	case []any:
		for i := range v {
			v[i] = withoutZeros(v[i])
		}
	}
	return value
}

// The document names every reason that there is a constant for, and no other.
func TestReasonsAreThoseOfTheDocument(t *testing.T) {
	var documented []string
	for _, reason := range document(t).Components.Schemas["Reason"].Value.Enum {
		documented = append(documented, reason.(string))
	}
	known := gatewayapi.Reasons()
	slices.Sort(documented)
	slices.Sort(known)
	if !slices.Equal(documented, known) {
		t.Errorf("the document has %v, the constants are %v", documented, known)
	}
}

// schemaBounds are the limits that a schema states.
type schemaBounds struct {
	MaxLength            *uint64                 `json:"maxLength"`
	MaxItems             *uint64                 `json:"maxItems"`
	MaxProperties        *uint64                 `json:"maxProperties"`
	Enum                 []string                `json:"enum"`
	Type                 string                  `json:"type"`
	Items                *schemaBounds           `json:"items"`
	AdditionalProperties *schemaBounds           `json:"additionalProperties"`
	Properties           map[string]schemaBounds `json:"properties"`
}

// A login's facts have the names, the limits and the words that the UserSession kind gives them.
func TestLoginKeepsTheBoundsOfTheKind(t *testing.T) {
	raw, err := os.ReadFile("../../config/crd/bases/licensing.seatkeeper.dev_usersessions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema schemaBounds `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		t.Fatal(err)
	}
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	login := document(t).Components.Schemas["Login"].Value
	notOfALogin := []string{"poolRef", "maxWaitSeconds", "termination"}
	for name, kind := range spec.Properties {
		if slices.Contains(notOfALogin, name) {
			continue
		}
		field := login.Properties[name]
		if field == nil {
			t.Errorf("Login lacks %s", name)
			continue
		}
		if name == "extraAttributes" {
			continue // an object here, its text there
		}
		compareBounds(t, name, kind, field.Value)
	}
	for name := range login.Properties {
		if _, known := spec.Properties[name]; !known {
			t.Errorf("Login has %s, which the kind lacks", name)
		}
	}
}

func compareBounds(t *testing.T, name string, kind schemaBounds, field *openapi3.Schema) {
	t.Helper()
	equal := func(what string, kind, field *uint64) {
		if (kind == nil) != (field == nil) || kind != nil && *kind != *field {
			t.Errorf("%s: %s differs between the kind and the document", name, what)
		}
	}
	if len(kind.Enum) == 0 {
		equal("maxLength", kind.MaxLength, field.MaxLength)
	}
	equal("maxItems", kind.MaxItems, field.MaxItems)
	equal("maxProperties", kind.MaxProperties, field.MaxProps)
	if !field.Type.Is(kind.Type) {
		t.Errorf("%s: the kind's type is %s", name, kind.Type)
	}
	var words []string
	for _, word := range field.Enum {
		words = append(words, word.(string))
	}
	slices.Sort(words)
	slices.Sort(kind.Enum)
	if !slices.Equal(words, kind.Enum) {
		t.Errorf("%s: the document's words are %v, the kind's %v", name, words, kind.Enum)
	}
	if kind.Items != nil {
		compareBounds(t, name+"[]", *kind.Items, field.Items.Value)
	}
	if kind.AdditionalProperties != nil {
		compareBounds(t, name+"{}", *kind.AdditionalProperties, field.AdditionalProperties.Schema.Value)
	}
	for inner := range kind.Properties {
		if field.Properties[inner] == nil {
			t.Errorf("%s lacks %s", name, inner)
			continue
		}
		compareBounds(t, name+"."+inner, kind.Properties[inner], field.Properties[inner].Value)
	}
}
