// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seatkeeper/seatkeeper/internal/usage"
)

var update = flag.Bool("update", false, "write the golden files anew, and docs/images/usage-week.svg")

// golden compares text with a file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\n(go test -update writes it anew)", path, got)
	}
}

func testdata(name string) string { return filepath.Join("testdata", name) }

// The picture in the documentation is what the code draws today.
func TestThePictureOfTheDocumentation(t *testing.T) {
	golden(t, filepath.Join("..", "..", "docs", "images", "usage-week.svg"), sample(t, usage.Week).SVG(SVGOptions{}))
}

func TestSVG(t *testing.T) {
	narrow := sample(t, usage.Month)
	narrow.Note = "45 of 50 seats was the most ever in use in 30 days. 50 would leave 10% headroom."
	golden(t, testdata("month-narrow.svg"), narrow.SVG(SVGOptions{Size: Size{Width: 340, Height: 420}, ID: "left", Inline: true}))
	golden(t, testdata("empty.svg"), empty().SVG(SVGOptions{}))
	golden(t, testdata("style.css"), []byte(StyleSheet()))
}

func empty() *Chart {
	c := &Chart{Namespace: "itsm", Pool: "brand-new", Series: &usage.Series{Model: usage.Named, Period: usage.Day, Step: time.Hour, From: now.Add(-24 * time.Hour)}}
	for c.Series.To = c.Series.From; c.Series.To.Before(now); c.Series.To = c.Series.To.Add(time.Hour) {
		c.Series.Points = append(c.Series.Points, usage.Point{Start: c.Series.To, Length: time.Hour, Licensed: usage.NotLicensed})
	}
	return c
}

func TestTerminal(t *testing.T) {
	for _, period := range usage.Periods() {
		golden(t, testdata("terminal-"+string(period)+".golden"), []byte(sample(t, period).Terminal(TerminalOptions{})))
	}
	week := sample(t, usage.Week)
	week.Note = "50 of 50 seats was the most ever in use in 7 days. 55 would leave 10% headroom."
	golden(t, testdata("terminal-ascii.golden"), []byte(week.Terminal(TerminalOptions{ASCII: true, Columns: 60, Rows: 20})))
	golden(t, testdata("terminal-color.golden"), []byte(week.Terminal(TerminalOptions{Color: true, Columns: 120, Rows: 40})))
	young := sample(t, usage.Day)
	young.Since = now.Add(-100 * time.Minute)
	golden(t, testdata("terminal-young.golden"), []byte(young.Terminal(TerminalOptions{})))
	golden(t, testdata("terminal-empty.golden"), []byte(empty().Terminal(TerminalOptions{})))
}

func TestCSV(t *testing.T) {
	var out bytes.Buffer
	if err := sample(t, usage.Week).CSV(&out); err != nil {
		t.Fatal(err)
	}
	golden(t, testdata("week.csv"), out.Bytes())
}

// Neither where the machine is nor how a time was made is seen in what is drawn; the viewer's time zone is.
func TestPicturesAreTheSameEverywhere(t *testing.T) {
	there, here := sample(t, usage.Week), sample(t, usage.Week)
	tokyo := zone(t, "Asia/Tokyo")
	s := there.Series
	s.From, s.To, s.Through = s.From.In(tokyo), s.To.In(tokyo), s.Through.In(tokyo)
	for i := range s.Points {
		s.Points[i].Start = s.Points[i].Start.In(tokyo)
	}
	if !bytes.Equal(there.SVG(SVGOptions{}), here.SVG(SVGOptions{})) {
		t.Error("the SVG differs by the zone that times were made in")
	}
	if there.Terminal(TerminalOptions{}) != here.Terminal(TerminalOptions{}) {
		t.Error("the terminal's chart differs by the zone that times were made in")
	}
	var one, two bytes.Buffer
	for out, c := range map[*bytes.Buffer]*Chart{&one: there, &two: here} {
		if err := c.PNG(out, Size{}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("the PNG differs by the zone that times were made in")
	}
	there.Zone = tokyo
	if !strings.Contains(string(there.SVG(SVGOptions{})), "Mon 23 Mar 2026 23:21 JST") {
		t.Error("must tell times by the viewer's clock")
	}
}

// A record that is younger than a picture of the fewest points is judged by its own time.
func TestOnRecordIsOfTheTimeSinceTheRecordBegan(t *testing.T) {
	c := sample(t, usage.Day)
	c.Since = c.to().Add(-7 * time.Minute)
	for i := range c.Series.Points {
		if p := &c.Series.Points[i]; p.Start.Before(c.Since.Add(-c.Series.Step)) {
			p.Covered = 0
		}
	}
	text := c.Terminal(TerminalOptions{})
	if !strings.Contains(text, "On record: all of the time since it began") {
		t.Error(text)
	}
}
