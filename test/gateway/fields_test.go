// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"reflect"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gstruct"
	"github.com/onsi/gomega/types"
)

// MatchFieldsOf matches a struct that has the example's fields, those aside that the example leaves at zero.
func MatchFieldsOf(example any) types.GomegaMatcher {
	fields := gstruct.Fields{}
	value := reflect.ValueOf(example)
	for i := range value.NumField() {
		if !value.Field(i).IsZero() {
			fields[value.Type().Field(i).Name] = Equal(value.Field(i).Interface())
		}
	}
	return gstruct.MatchFields(gstruct.IgnoreExtras, fields)
}
