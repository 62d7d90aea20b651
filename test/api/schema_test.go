// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// constraint is one thing that a kind's schema demands of a field, or fills in.
type constraint struct {
	kind, field, keyword string
}

func (c constraint) String() string {
	return fmt.Sprintf("%s %s: %s", c.kind, c.field, c.keyword)
}

// ruleOf is the constraint of a CEL rule, which is known by the field that it speaks of and its sentence.
func ruleOf(kind, field, sentence string) constraint {
	return constraint{kind, field, "rule: " + sentence}
}

func schemaOf(kind string) *apiextensionsv1.JSONSchemaProps {
	return crds[kind].Spec.Versions[0].Schema.OpenAPIV3Schema
}

// walk visits each field of a schema by its path, parents first; the root's path is empty.
// Standard parts are left out: apiVersion, kind, metadata, and what a condition consists of.
func walk(field string, schema *apiextensionsv1.JSONSchemaProps, visit func(string, *apiextensionsv1.JSONSchemaProps)) {
	visit(field, schema)
	if field == "status.conditions" {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if field == "" && slices.Contains([]string{"apiVersion", "kind", "metadata"}, name) {
			continue
		}
		walk(strings.TrimPrefix(field+"."+name, "."), new(schema.Properties[name]), visit)
	}
	if schema.Items != nil {
		walk(field+"[]", schema.Items.Schema, visit)
	}
	if schema.AdditionalProperties != nil {
		walk(field+"{}", schema.AdditionalProperties.Schema, visit)
	}
}

// fieldsOf lists the fields of a kind under a path.
func fieldsOf(kind, under string) []string {
	var fields []string
	walk("", schemaOf(kind), func(field string, _ *apiextensionsv1.JSONSchemaProps) {
		if strings.HasPrefix(field, under+".") {
			fields = append(fields, field)
		}
	})
	return fields
}

// constraintsOf lists all that a kind's schema demands or fills in.
func constraintsOf(kind string) []constraint {
	var all []constraint
	walk("", schemaOf(kind), func(field string, s *apiextensionsv1.JSONSchemaProps) {
		add := func(present bool, field, keyword string) {
			if present {
				all = append(all, constraint{kind, field, keyword})
			}
		}
		add(s.Minimum != nil, field, "minimum")
		add(s.Maximum != nil, field, "maximum")
		add(s.MinLength != nil, field, "minLength")
		add(s.MaxLength != nil, field, "maxLength")
		add(s.MinItems != nil, field, "minItems")
		add(s.MaxItems != nil, field, "maxItems")
		add(s.MinProperties != nil, field, "minProperties")
		add(s.MaxProperties != nil, field, "maxProperties")
		add(s.Pattern != "", field, "pattern")
		add(s.Format == "date-time", field, "date-time")
		add(s.Default != nil, field, "default")
		add(s.XListType != nil && *s.XListType != "atomic", field, "unique")
		for _, value := range s.Enum {
			add(true, field, "enum "+string(value.Raw))
		}
		for _, child := range s.Required {
			add(true, strings.TrimPrefix(field+"."+child, "."), "required")
		}
		for _, rule := range s.XValidations {
			add(true, field+rule.FieldPath, "rule: "+rule.Message)
		}
	})
	return all
}

// requiredFields are the fields that must be stated where the one above them is.
func requiredFields(kind, parent string) map[string]bool {
	required := map[string]bool{}
	walk("", schemaOf(kind), func(field string, s *apiextensionsv1.JSONSchemaProps) {
		if field != parent {
			return
		}
		for _, child := range s.Required {
			required[field+"."+child] = true
		}
	})
	return required
}

// defaults says whether the API server fills in a field.
func defaults(kind, field string) bool {
	return slices.Contains(constraintsOf(kind), constraint{kind, field, "default"})
}
