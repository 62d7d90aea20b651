// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/seatkeeper/seatkeeper/internal/chart"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// write puts a report into the format that was asked for.
func (o *UsageOptions) write(r *usageReport) ([]byte, error) {
	size := chart.Size{Width: o.width, Height: o.height}
	var out bytes.Buffer
	switch o.format {
	case outputSVG:
		return r.chart.SVG(chart.SVGOptions{Size: size}), nil
	case outputPNG:
		err := r.chart.PNG(&out, size)
		return out.Bytes(), err
	case outputCSV:
		err := r.chart.CSV(&out)
		return out.Bytes(), err
	case outputJSON:
		data, err := json.MarshalIndent(r.data(), "", "    ")
		return append(data, '\n'), err
	case outputYAML:
		return yaml.Marshal(r.data())
	case outputChart:
		s := o.display
		if o.file != "" {
			s = display{ascii: s.ascii}
		}
		if o.width > 0 {
			s.columns = o.width
		}
		if o.height > 0 {
			s.rows = o.height
		}
		return []byte(r.chart.Terminal(chart.TerminalOptions{Columns: s.columns, Rows: s.rows, Color: s.color, ASCII: s.ascii})), nil
	default:
		return nil, fmt.Errorf("--output must be one of %v: it is %q", usageFormats(), o.format)
	}
}

// usageData is a report as data: times in RFC 3339, UTC; what is not known is left out.
type usageData struct {
	Namespace string       `json:"namespace"`
	Pool      string       `json:"pool"`
	Model     usage.Model  `json:"model"`
	Period    usage.Period `json:"period"`
	From      time.Time    `json:"from"`
	To        time.Time    `json:"to"`
	// Through is up to when it is known what happened.
	Through         time.Time `json:"through"`
	Connected       int       `json:"connected"`
	Licensed        *int      `json:"licensed,omitempty"`
	RecordedSeconds int64     `json:"recordedSeconds"`
	Mean            *float64  `json:"mean,omitempty"`
	Peak            *int      `json:"peak,omitempty"`
	// PeakStart and PeakEnd are the first stretch that had the peak; nobody knows when in it.
	PeakStart   *time.Time   `json:"peakStart,omitempty"`
	PeakEnd     *time.Time   `json:"peakEnd,omitempty"`
	Grants      int          `json:"grants"`
	Denials     []denialData `json:"denials,omitempty"`
	StepSeconds int64        `json:"stepSeconds"`
	Points      []pointData  `json:"points"`
	Advice      adviceData   `json:"advice"`
}

type pointData struct {
	Start           time.Time    `json:"start"`
	RecordedSeconds int64        `json:"recordedSeconds"`
	Mean            *float64     `json:"mean,omitempty"`
	Peak            *int         `json:"peak,omitempty"`
	Licensed        *int         `json:"licensed,omitempty"`
	Grants          int          `json:"grants,omitempty"`
	Denials         []denialData `json:"denials,omitempty"`
}

type denialData struct {
	Reason      string `json:"reason"`
	Denied      int    `json:"denied"`
	TrueDenials int    `json:"trueDenials"`
}

type adviceData struct {
	From            time.Time `json:"from,omitzero"`
	Through         time.Time `json:"through,omitzero"`
	RecordedSeconds int64     `json:"recordedSeconds"`
	Share           float64   `json:"share"`
	// Enough is how many seats would have been enough, Comfortable that and some more.
	Enough      *int   `json:"enough,omitempty"`
	Comfortable *int   `json:"comfortable,omitempty"`
	Reasoning   string `json:"reasoning"`
}

func (r *usageReport) data() *usageData {
	s, a := r.chart.Series, r.advice
	d := &usageData{
		Namespace: r.chart.Namespace, Pool: r.chart.Pool, Model: s.Model, Period: s.Period, From: s.From, To: s.To, Through: s.Through,
		Connected: r.chart.Connected, Licensed: known(s.Licensed), RecordedSeconds: seconds(s.Covered), Grants: s.Grants, Denials: denials(s.Denials),
		StepSeconds: seconds(s.Step), Points: []pointData{},
		Advice: adviceData{From: a.From, Through: a.Through, RecordedSeconds: seconds(a.Covered), Share: a.Share, Enough: known(a.Enough), Comfortable: known(a.Comfortable), Reasoning: a.Reasoning},
	}
	if !s.Empty() {
		from, to := r.chart.Span(s.PeakStart)
		d.Mean, d.Peak, d.PeakStart, d.PeakEnd = &s.Mean, &s.Peak, &from, &to
	}
	for _, p := range s.Points {
		point := pointData{Start: p.Start, RecordedSeconds: seconds(p.Covered), Grants: p.Grants, Denials: denials(p.Denials)}
		if !p.Gap() {
			point.Mean, point.Peak, point.Licensed = &p.Mean, &p.Peak, known(p.Licensed)
		}
		d.Points = append(d.Points, point)
	}
	return d
}

// known is a number that there is; the negative ones say that there is none (usage.NotLicensed, usage.Unknown).
func known(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func denials(reasons map[string]usage.Count) []denialData {
	var all []denialData
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		all = append(all, denialData{reason, reasons[reason].Denied, reasons[reason].True})
	}
	return all
}
