// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

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
	data   *genericclioptions.JSONYamlPrintFlags
}

func newOutput() output {
	return output{format: outputTable, data: genericclioptions.NewJSONYamlPrintFlags()}
}

func (o *output) bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.format, "output", "o", o.format, "Output format, one of: "+strings.Join(o.formats(), ", ")+".")
	o.data.AddFlags(cmd)
}

func (o *output) formats() []string {
	return append([]string{outputTable, outputWide}, o.data.AllowedFormats()...)
}

func (o *output) validate() error {
	if !slices.Contains(o.formats(), o.format) {
		return fmt.Errorf("--output must be one of %s: it is %q", strings.Join(o.formats(), ", "), o.format)
	}
	return nil
}

// table says whether a table is printed, and not the objects themselves.
func (o *output) table() bool { return o.format == outputTable || o.format == outputWide }

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
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}
