// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	_ "time/tzdata" // where the machine lacks the table of time zones, TZ and the chart have it all the same

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	licensing "github.com/seatkeeper/seatkeeper/api/v1alpha1"
	"github.com/seatkeeper/seatkeeper/internal/chart"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// The formats of usage, beside JSON and YAML.
const (
	outputChart = "chart"
	outputSVG   = "svg"
	outputPNG   = "png"
	outputCSV   = "csv"
)

// UsageOptions are those of `kubectl seats usage`.
type UsageOptions struct {
	Environment

	cluster       *cluster
	format, file  string
	period, model string
	width, height int
	share         float64

	display   display
	pool      string
	namespace string
	client    client.Client
}

func newUsageCommand(env Environment, c *cluster) *cobra.Command {
	o := &UsageOptions{Environment: env, cluster: c}
	cmd := &cobra.Command{
		Use:   "usage [NAMESPACE/]POOL",
		Short: "Chart a pool's use over time, and say how many seats would do",
		Long: `Show the connections of a pool that were open over time as a line, the licensed maximum as a dotted line, who was denied, and how many seats
would have been enough.

The chart in the terminal shows the most connections open at once in the time of each column. Pictures show the mean as a line and the peak as a band
above it. Time without a record is shown as such. A denial is a true one if its user got no seat in the five minutes after it.

Times are those of your clock; TZ names another zone, as in TZ=UTC. CSV, JSON and YAML have times in RFC 3339.`,
		Example: `  # The last seven days, or the first
  kubectl seats usage service-desk -n itsm

  # Signed-on users of named accounts, over a year
  kubectl seats usage service-desk --model named --period year

  # A picture in a file, whose name says the format
  kubectl seats usage service-desk --period month --output-file usage.svg

  # The figures
  kubectl seats usage service-desk -o csv > usage.csv

  # How many seats would do if one login in a hundred may be turned away
  kubectl seats usage service-desk --period quarter --share 0.01`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return advise(errors.New("one pool must be named"), "`kubectl seats pools -A` lists the license pools there are.")
		},
		ValidArgsFunction: completeNames(c, &licensing.LicensePoolList{}),
		RunE:              runs(o),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.period, "period", "", "How much of the past to show, one of: "+strings.Join(periodNames(), ", ")+". Without it: week, or day while the record is younger than that.")
	flags.StringVar(&o.model, "model", "", "The licensing model, named or concurrent. Without it: concurrent, or named in a pool that has named seats alone.")
	flags.StringVarP(&o.format, "output", "o", "", "Output format, one of: "+strings.Join(usageFormats(), ", ")+". Without it: what the name of --output-file ends in, or else chart.")
	flags.StringVar(&o.file, "output-file", "", "Write to this file, and not to standard output.")
	flags.IntVar(&o.width, "width", 0, fmt.Sprintf("The width, in columns of the terminal or pixels of a picture. Without it: that of the terminal, or %d pixels.", chart.DefaultSize.Width))
	flags.IntVar(&o.height, "height", 0, fmt.Sprintf("The height, in rows of the terminal or pixels of a picture. Without it: that of the terminal, or %d pixels. A PNG has %d dots a pixel.", chart.DefaultSize.Height, chart.PNGScale))
	flags.Float64Var(&o.share, "share", 0, "What share of the demand may be turned away by the seats that are advised, from 0 to 1.")
	for name, values := range map[string][]string{"period": periodNames(), "model": {"named", "concurrent"}, "output": usageFormats()} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	return cmd
}

func usageFormats() []string {
	return []string{outputChart, outputSVG, outputPNG, outputCSV, outputJSON, outputYAML}
}

func periodNames() []string {
	var names []string
	for _, p := range usage.Periods() {
		names = append(names, string(p))
	}
	return names
}

// Complete takes in the arguments, the terminal and the kubeconfig.
func (o *UsageOptions) Complete(args []string) (err error) {
	pool, err := o.cluster.pool(args[0])
	if err != nil {
		return err
	}
	o.namespace, o.pool = pool.Namespace, pool.Name
	o.display = displayOf(o.Streams.Out)
	if o.format == "" {
		o.format = formatOf(o.file)
	}
	o.client, err = o.cluster.client()
	return err
}

// formatOf is the format that a file's name stands for; empty: none.
func formatOf(file string) string {
	switch extension := strings.TrimPrefix(strings.ToLower(filepath.Ext(file)), "."); {
	case file == "", extension == "txt":
		return outputChart
	case extension == "yml":
		return outputYAML
	case extension != outputChart && slices.Contains(usageFormats(), extension):
		return extension
	default:
		return ""
	}
}

// Validate says whether the options make sense together.
func (o *UsageOptions) Validate() error {
	models := []string{"", string(usage.Named), string(usage.Concurrent)}
	model := slices.IndexFunc(models, func(m string) bool { return strings.EqualFold(m, o.model) })
	switch {
	case model < 0:
		return fmt.Errorf("--model must be named or concurrent: it is %q", o.model)
	case o.period != "" && !slices.Contains(periodNames(), o.period):
		return fmt.Errorf("--period must be one of %s: it is %q", strings.Join(periodNames(), ", "), o.period)
	case o.format == "":
		return fmt.Errorf("the name of --output-file must end in .svg, .png, .csv, .json, .yaml or .txt, or --output must name the format: it is %q", o.file)
	case !slices.Contains(usageFormats(), o.format):
		return fmt.Errorf("--output must be one of %s: it is %q", strings.Join(usageFormats(), ", "), o.format)
	case !(o.share >= 0 && o.share <= 1):
		return fmt.Errorf("--share must be from 0 to 1: it is %v", o.share)
	case o.format == outputPNG && o.file == "" && o.display.terminal:
		return advise(errors.New("a PNG is not written to a terminal"), "Name a file, as in `--output-file usage.png`.")
	}
	o.model = models[model]
	picture := o.format == outputSVG || o.format == outputPNG
	if err := o.side("--width", o.width, picture, chart.MinWidth, chart.MaxWidth, 40, 1000); err != nil {
		return err
	}
	return o.side("--height", o.height, picture, chart.MinHeight, chart.MaxHeight, 12, 1000)
}

// side checks the bounds of a width or height, which are others for pictures than for the terminal; 0 is not given.
func (o *UsageOptions) side(flag string, value int, picture bool, leastPixels, mostPixels, leastCells, mostCells int) error {
	least, most, unit := leastCells, mostCells, "characters"
	if picture {
		least, most, unit = leastPixels, mostPixels, "pixels"
	}
	if value != 0 && (value < least || value > most) {
		return fmt.Errorf("%s must be from %d to %d %s: it is %d", flag, least, most, unit, value)
	}
	return nil
}

// Run draws the chart, or writes the figures.
func (o *UsageOptions) Run(ctx context.Context) error {
	report, err := o.report(ctx)
	if err != nil {
		return err
	}
	data, err := o.write(report)
	if err != nil {
		return err
	}
	if o.file == "" {
		_, err := o.Streams.Out.Write(data)
		return err
	}
	// Who may read it is for the user's mask to say, as with `>`.
	if err := os.WriteFile(o.file, data, 0o666); err != nil { //nolint:gosec // the user names the file, and a chart is no secret
		return fmt.Errorf("write the %s: %w", o.format, err)
	}
	fmt.Fprintf(o.Streams.ErrOut, "Wrote %s.\n", printable(o.file))
	return nil
}
