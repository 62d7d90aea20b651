// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
)

// The formats that programs read.
const (
	outputJSON = "json"
	outputYAML = "yaml"
	outputName = "name"
)

// objects prints API objects as they come, so that a list of many never has to be in memory: as one document with a list, written piece by piece, or as names.
type objects struct {
	out    io.Writer
	format string
	// kind is that of one object.
	kind          string
	managedFields bool
	count         int
}

// add prints an object as the next of the list.
func (o *objects) add(obj client.Object) error {
	o.count++
	if o.format == outputName {
		return o.name(obj)
	}
	text, err := o.text(obj)
	if err != nil {
		return err
	}
	if o.format == outputYAML {
		if o.count == 1 {
			fmt.Fprintf(o.out, "apiVersion: %s\nitems:\n", licensing.GroupVersion)
		}
		_, err = fmt.Fprintf(o.out, "- %s\n", indent(text, "  "))
		return err
	}
	before := ",\n"
	if o.count == 1 {
		before = fmt.Sprintf("{\n    \"apiVersion\": %q,\n    \"items\": [\n", licensing.GroupVersion)
	}
	_, err = fmt.Fprintf(o.out, "%s        %s", before, indent(text, "        "))
	return err
}

// close ends the list.
func (o *objects) close() error {
	var err error
	switch {
	case o.format == outputName:
	case o.format == outputYAML && o.count == 0:
		_, err = fmt.Fprintf(o.out, "apiVersion: %s\nitems: []\nkind: %sList\nmetadata: {}\n", licensing.GroupVersion, o.kind)
	case o.format == outputYAML:
		_, err = fmt.Fprintf(o.out, "kind: %sList\nmetadata: {}\n", o.kind)
	case o.count == 0:
		_, err = fmt.Fprintf(o.out, "{\n    \"apiVersion\": %q,\n    \"items\": [],\n    \"kind\": \"%sList\",\n    \"metadata\": {}\n}\n", licensing.GroupVersion, o.kind)
	default:
		_, err = fmt.Fprintf(o.out, "\n    ],\n    \"kind\": \"%sList\",\n    \"metadata\": {}\n}\n", o.kind)
	}
	return err
}

// one prints an object as a document of its own.
func (o *objects) one(obj client.Object) error {
	if o.format == outputName {
		return o.name(obj)
	}
	text, err := o.text(obj)
	if err != nil {
		return err
	}
	if o.format == outputYAML && o.count > 0 {
		fmt.Fprintln(o.out, "---")
	}
	o.count++
	_, err = fmt.Fprintln(o.out, text)
	return err
}

func (o *objects) name(obj client.Object) error {
	_, err := fmt.Fprintf(o.out, "%s.%s/%s\n", strings.ToLower(o.kind), licensing.GroupVersion.Group, obj.GetName())
	return err
}

// text is the object in the format, without a line end.
func (o *objects) text(obj client.Object) (string, error) {
	obj.GetObjectKind().SetGroupVersionKind(licensing.GroupVersion.WithKind(o.kind))
	if !o.managedFields {
		obj.SetManagedFields(nil)
	}
	if o.format == outputYAML {
		text, err := yaml.Marshal(obj)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	text, err := json.MarshalIndent(obj, "", "    ")
	return string(text), err
}

// indent indents all lines but the first.
func indent(text, by string) string { return strings.ReplaceAll(text, "\n", "\n"+by) }
