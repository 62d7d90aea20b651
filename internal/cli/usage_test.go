// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	clock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/yaml"

	"github.com/seatkeeper/seatkeeper/internal/chart"
	"github.com/seatkeeper/seatkeeper/internal/grid"
	"github.com/seatkeeper/seatkeeper/internal/usage"
)

// weekOfUse is the history of a pool up to noon: from Monday to Sunday, up to six people work from eight o'clock on, one after the other; two of them by named
// accounts. Nothing is on record of six hours on Thursday. At noon of each day somebody is denied a seat for good.
func weekOfUse(tb testing.TB) *usage.History {
	tb.Helper()
	h := usage.NewHistory()
	since := noon.AddDate(0, 0, -7)
	line := usage.NewTimeline(since)
	line.License(since, 5, 4)
	session := func(day, person int) usage.Session {
		model := usage.Concurrent
		if person < 2 {
			model = usage.Named
		}
		begin := since.AddDate(0, 0, day).Add(time.Duration(-4*60+20*person) * time.Minute)
		user := "user-" + strconv.Itoa(person)
		return usage.Session{ID: fmt.Sprint(day, person), User: user, Connection: user, Model: model, Logon: begin, Ended: begin.Add(8 * time.Hour)}
	}
	for day := 1; day <= 7; day++ {
		if day == 4 { // what it saw of this day and the night before is lost
			line = usage.NewTimeline(since.AddDate(0, 0, day).Add(-6 * time.Hour))
			line.License(since.AddDate(0, 0, day).Add(-6*time.Hour), 5, 4)
		}
		for person := range 6 {
			s := session(day, person)
			if s.Ended.After(noon) {
				s.Ended = time.Time{}
			}
			line.Put(s)
		}
		denied := since.AddDate(0, 0, day).Add(-time.Hour)
		line.Put(usage.Session{ID: fmt.Sprint("denied", day), User: "late", Denied: "SeatsExhausted", Ended: denied})
		end := since.AddDate(0, 0, day).Add(5 * time.Hour)
		if day == 3 {
			end = since.AddDate(0, 0, day).Add(12 * time.Hour)
		}
		if end.After(noon) {
			end = noon
		}
		line.Tell(h, end, time.Hour)
	}
	return h
}

// drawn is a command whose report needs no cluster.
func drawn(format string) *UsageOptions {
	return &UsageOptions{
		Environment: Environment{Clock: clock.NewFakePassiveClock(noon), Reader: grid.Reader{Zone: time.UTC}},
		format:      format, period: "week", pool: "service-desk", namespace: "itsm",
	}
}

func reported(tb testing.TB, o *UsageOptions, model usage.Model) *usageReport {
	tb.Helper()
	h := weekOfUse(tb)
	r := &usageReport{
		chart:  chart.Of(o.namespace, o.pool, h, model, usage.Period(o.period), noon),
		advice: h.Advise(usage.Question{Model: model, Period: usage.Period(o.period), Now: noon, Held: 4, Dormant: 1}),
	}
	r.chart.Note = r.advice.Reasoning
	return r
}

func TestUsageInAllFormats(t *testing.T) {
	starts := map[string]string{outputChart: "service-desk in itsm: concurrent connections\n", outputSVG: "<svg ", outputPNG: "\x89PNG", outputCSV: "start,end,", outputJSON: "{\n", outputYAML: "advice:\n"}
	var data [2]usageData
	for _, format := range usageFormats() {
		o := drawn(format)
		out, err := o.write(reported(t, o, usage.Concurrent))
		check(t, err)
		if !strings.HasPrefix(string(out), starts[format]) {
			t.Errorf("%s begins with %.30q", format, out)
		}
		switch format {
		case outputChart, outputCSV:
			golden(t, "usage-"+format, out)
		case outputJSON:
			check(t, json.Unmarshal(out, &data[0]))
		case outputYAML:
			check(t, yaml.UnmarshalStrict(out, &data[1]))
		default:
		}
	}
	if !reflect.DeepEqual(data[0], data[1]) {
		t.Errorf("JSON and YAML differ:\n%+v\n%+v", data[0], data[1])
	}
	data[0].Points = data[0].Points[82:87] // around the end of the gap
	summary, err := yaml.Marshal(data[0])
	check(t, err)
	golden(t, "usage-data", summary)
}

func TestUsageOfNamedSeatsAsData(t *testing.T) {
	o := drawn(outputYAML)
	o.period = "day"
	out, err := o.write(reported(t, o, usage.Named))
	check(t, err)
	var data usageData
	check(t, yaml.UnmarshalStrict(out, &data))
	if data.Model != usage.Named || *data.Licensed != 5 || data.Connected != 2 || len(data.Points) != 288 || *data.Advice.Enough != 3 {
		t.Errorf("unexpected data: %s", out)
	}
}

func TestFormatOf(t *testing.T) {
	for file, want := range map[string]string{
		"": outputChart, "usage.svg": outputSVG, "a.b/USAGE.PNG": outputPNG, "x.csv": outputCSV, "x.json": outputJSON, "x.yaml": outputYAML, "x.yml": outputYAML, "x.txt": outputChart,
		"x.pdf": "", "x": "", "x.chart": "",
	} {
		if got := formatOf(file); got != want {
			t.Errorf("%q: %q, not %q", file, got, want)
		}
	}
}

func TestDisplay(t *testing.T) {
	for name, test := range map[string]struct {
		terminal     bool
		environment  map[string]string
		system       string
		color, ascii bool
	}{
		"a terminal of today":          {true, map[string]string{"LANG": "en_US.UTF-8", "TERM": "xterm-256color"}, "linux", true, false},
		"no colors are wanted":         {true, map[string]string{"LANG": "C.utf8", "NO_COLOR": "1"}, "linux", false, false},
		"a dumb terminal":              {true, map[string]string{"LANG": "de_DE.UTF-8", "TERM": "dumb"}, "darwin", false, false},
		"a pipe":                       {false, map[string]string{"LANG": "de_DE.UTF-8"}, "linux", false, false},
		"another character set":        {true, map[string]string{"LANG": "de_DE.ISO-8859-1"}, "linux", true, true},
		"LC_ALL before LANG":           {true, map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "C"}, "linux", true, true},
		"LC_CTYPE before LANG":         {true, map[string]string{"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, "linux", true, false},
		"no locale":                    {true, nil, "linux", true, true},
		"no locale, which Windows has": {true, nil, "windows", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := display{terminal: test.terminal}.within(func(name string) string { return test.environment[name] }, test.system)
			if got.color != test.color || got.ascii != test.ascii {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestUsageOptionsThatMakeNoSense(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*UsageOptions)
		want   string
	}{
		"model":            {func(o *UsageOptions) { o.model = "combined" }, `--model must be named or concurrent: it is "combined"`},
		"period":           {func(o *UsageOptions) { o.period = "decade" }, `--period must be one of day, week, month, quarter, year: it is "decade"`},
		"format":           {func(o *UsageOptions) { o.format = "pdf" }, "--output must be one of chart, svg, png, csv, json, yaml"},
		"file's name":      {func(o *UsageOptions) { o.format, o.file = "", "usage.pdf" }, "must end in .svg, .png, .csv, .json, .yaml or .txt"},
		"share":            {func(o *UsageOptions) { o.share = 1.5 }, "--share must be from 0 to 1: it is 1.5"},
		"PNG to terminal":  {func(o *UsageOptions) { o.format, o.display.terminal = outputPNG, true }, "--output-file usage.png"},
		"small picture":    {func(o *UsageOptions) { o.format, o.width = outputSVG, 100 }, "--width must be from 280 to 8000 pixels: it is 100"},
		"large picture":    {func(o *UsageOptions) { o.format, o.height = outputPNG, 9000 }, "--height must be from 200 to 8000 pixels: it is 9000"},
		"narrow terminal":  {func(o *UsageOptions) { o.width = 20 }, "--width must be from 40 to 1000 characters: it is 20"},
		"negative":         {func(o *UsageOptions) { o.height = -1 }, "--height must be from 12 to 1000 characters: it is -1"},
		"not even a share": {func(o *UsageOptions) { o.share, _ = strconv.ParseFloat("NaN", 64) }, "--share must be from 0 to 1"},
	} {
		t.Run(name, func(t *testing.T) {
			o := drawn(outputChart)
			test.change(o)
			wantError(t, o.Validate(), test.want)
		})
	}
	o := drawn(outputChart)
	o.model = "NAMED"
	check(t, o.Validate())
	if o.model != string(usage.Named) {
		t.Errorf("case must not matter: %q", o.model)
	}
}
