// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/yaml"
)

// The formats that people read.
const (
	outputTable = "table"
	outputWide  = "wide"
	// outputDetails describes objects field by field, outputText tells in sentences.
	outputDetails = "details"
	outputText    = "text"
)

// output is the format of what a command prints.
type output struct {
	format string
	// formats are those that the command knows, the default first.
	formats       []string
	managedFields bool
}

// newOutput is that of a command which knows these formats; the first is the default.
func newOutput(formats ...string) output { return output{format: formats[0], formats: formats} }

func (o *output) bind(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&o.format, "output", "o", o.format, "Output format, one of: "+strings.Join(o.formats, ", ")+".")
	if slices.Contains(o.formats, outputName) { // what has a name is an object
		flags.BoolVar(&o.managedFields, "show-managed-fields", false, "With json and yaml: the objects' managedFields as well.")
	}
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(o.formats, cobra.ShellCompDirectiveNoFileComp))
}

func (o *output) validate() error {
	if !slices.Contains(o.formats, o.format) {
		return fmt.Errorf("--output must be one of %s: it is %q", strings.Join(o.formats, ", "), o.format)
	}
	return nil
}

// table says whether what people read is printed, and not what programs do.
func (o *output) table() bool {
	return !slices.Contains([]string{outputJSON, outputYAML, outputName}, o.format)
}

func (o *output) wide() bool { return o.format == outputWide }

// objects prints API objects of a kind.
func (o *output) objects(out io.Writer, kind string) *objects {
	return &objects{out: out, format: o.format, kind: kind, managedFields: o.managedFields}
}

// data prints something that is no API object.
func (o *output) data(out io.Writer, value any) error {
	text, err := json.MarshalIndent(value, "", "    ")
	if o.format == outputYAML {
		text, err = yaml.Marshal(value)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, strings.TrimSuffix(string(text), "\n"))
	return err
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
