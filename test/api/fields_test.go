// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// A field is named by its path in the schema: spec.client.ip; with [] for a list's elements (here: the first)
// and {} for a map's values (here: the first by name).

// edit changes one field of an object.
type edit struct {
	field  string
	change func(object map[string]any)
	// says is the value that the field is given; nil where it is removed.
	says any
}

// set gives a field a value, any that JSON can hold; what lies above it is made where it is absent.
func set(field string, value any) edit {
	value = plain(value)
	return edit{field, func(object map[string]any) { put(object, steps(field), runtime.DeepCopyJSONValue(value)) }, value}
}

// unset removes a field.
func unset(field string) edit {
	return edit{field, func(object map[string]any) {
		path := steps(field)
		parent, found := at(object, path[:len(path)-1])
		if found {
			delete(parent.(map[string]any), path[len(path)-1])
		}
	}, nil}
}

// value is what a field holds, and whether it is there at all.
func value(object map[string]any, field string) (any, bool) {
	return at(object, steps(field))
}

// steps splits spec.a[].b into spec, a, [], b.
func steps(field string) []string {
	field = strings.ReplaceAll(strings.ReplaceAll(field, "[]", ".[]"), "{}", ".{}")
	return strings.Split(field, ".")
}

func at(node any, path []string) (any, bool) {
	for _, step := range path {
		switch step {
		case "[]":
			list, _ := node.([]any)
			if len(list) == 0 {
				return nil, false
			}
			node = list[0]
		default:
			object, _ := node.(map[string]any)
			child, found := object[keyIn(object, step)]
			if !found {
				return nil, false
			}
			node = child
		}
	}
	return node, true
}

func put(node any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if path[0] == "[]" {
		list, _ := node.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		list[0] = put(list[0], path[1:], value)
		return list
	}
	object, _ := node.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	key := keyIn(object, path[0])
	object[key] = put(object[key], path[1:], value)
	return object
}

func keyIn(object map[string]any, step string) string {
	if step != "{}" {
		return step
	}
	keys := slices.Sorted(maps.Keys(object))
	if len(keys) == 0 {
		return "key"
	}
	return keys[0]
}

// plain turns any value into what the API server's answer is read into: maps, slices, strings, bools, int64.
func plain(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	var out any
	if err := utiljson.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	return out
}

// holds says whether all of what was said is there; more may be, which the API server filled in.
func holds(there, said any) bool {
	object, isObject := said.(map[string]any)
	if !isObject {
		return reflect.DeepEqual(there, said)
	}
	stored, _ := there.(map[string]any)
	for key, child := range object {
		if !holds(stored[key], child) {
			return false
		}
	}
	return stored != nil
}

// repeat is a list of n elements.
func repeat(n int, element func(i int) any) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = element(i)
	}
	return list
}
