// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
)

// The formats that people read.
const (
	outputTable = "table"
	outputWide  = "wide"
)

// output is the format of what a command prints.
type output struct {
	format string
	// people are the formats that people read, others are further ones.
	people, others []string
	data           *genericclioptions.JSONYamlPrintFlags
}

// newOutput is that of a command that prints a table or objects, or something else yet.
func newOutput(others ...string) output {
	return output{format: outputTable, people: []string{outputTable, outputWide}, others: others, data: genericclioptions.NewJSONYamlPrintFlags()}
}

// newDataOutput is that of a command that describes objects in its own way, or prints them.
func newDataOutput() output {
	return output{data: genericclioptions.NewJSONYamlPrintFlags(), others: []string{outputName}}
}

func (o *output) bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", o.format, "Output format, one of: "+strings.Join(o.formats(), ", ")+".")
	o.data.AddFlags(cmd)
}

func (o *output) formats() []string {
	data := o.data.AllowedFormats()
	if len(o.others) > 0 { // what is printed piece by piece knows these alone
		data = []string{outputJSON, outputYAML}
	}
	return slices.Concat(o.people, data, o.others)
}

func (o *output) validate() error {
	if o.format != "" && !slices.Contains(o.formats(), o.format) {
		return fmt.Errorf("--output must be one of %s: it is %q", strings.Join(o.formats(), ", "), o.format)
	}
	return nil
}

// table says whether a table is printed, and not the objects themselves.
func (o *output) table() bool {
	return o.format == "" || o.format == outputTable || o.format == outputWide
}

func (o *output) wide() bool { return o.format == outputWide }

// object prints an API object, as kubectl does.
func (o *output) object(out io.Writer, obj runtime.Object) error {
	printer, err := o.data.ToPrinter(o.format)
	if err != nil {
		return err
	}
	return printer.PrintObj(obj, out)
}

// columns prints rows in columns, as kubectl does.
func columns(out io.Writer, rows [][]string) error {
	w := printers.GetNewTabWriter(out)
	for _, row := range rows {
		fmt.Fprintln(w, cellsOf(row))
	}
	return w.Flush()
}

// cellsOf is a row for a tab writer. What people may write freely must neither break the row nor speak to the terminal.
func cellsOf(row []string) string {
	cells := make([]string, len(row))
	for i, cell := range row {
		cells[i] = printable(cell)
	}
	return strings.Join(cells, "\t")
}

// printable is a text with a mark in place of each character that a terminal takes for an order: control characters, and those that turn the direction of writing.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return unicode.ReplacementChar
		}
		return c
	}, strings.ToValidUTF8(text, string(unicode.ReplacementChar)))
}
