// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package grid

import (
	"testing"
	"time"
)

func TestTimesInBothFormats(t *testing.T) {
	at := time.Date(2026, time.March, 2, 15, 4, 5, 0, time.UTC)
	cet := time.FixedZone("CET", 3600)
	for locale, want := range map[string]string{
		"":            "2026-03-02 16:04:05 CET",
		"C":           "2026-03-02 16:04:05 CET",
		"C.UTF-8":     "2026-03-02 16:04:05 CET",
		"POSIX":       "2026-03-02 16:04:05 CET",
		"xx_YY":       "2026-03-02 16:04:05 CET",
		"en_US.UTF-8": "03/02/2026 04:04:05 PM CET",
		"en-US":       "03/02/2026 04:04:05 PM CET",
		"en_GB":       "02/03/2026 16:04:05 CET",
		"de_DE@euro":  "02.03.2026 16:04:05 CET",
		"de_CH.UTF-8": "02.03.2026 16:04:05 CET",
		"sv_SE":       "2026-03-02 16:04:05 CET",
		"ja_JP.UTF-8": "2026/03/02 16:04:05 CET",
	} {
		reader := Reader{Zone: cet, Layout: Layout(locale)}
		if got := reader.Both(at); got != want+" (2026-03-02T15:04:05Z)" {
			t.Errorf("%s: %s", locale, got)
		}
	}
	var nobody Reader
	if got := nobody.Both(at); got != "2026-03-02 15:04:05 UTC (2026-03-02T15:04:05Z)" {
		t.Error(got)
	}
	if nobody.Both(time.Time{})+nobody.Own(time.Time{})+Exact(time.Time{}) != "" {
		t.Error("no time must be no text")
	}
}

func TestLayoutsCanBeReadBack(t *testing.T) {
	at := time.Date(2026, time.November, 22, 15, 4, 5, 0, time.UTC)
	for locale := range dates {
		layout := Layout(locale)
		read, err := time.Parse(layout, at.Format(layout))
		if err != nil || !read.Equal(at) {
			t.Errorf("%s: %q says %v: %v", locale, at.Format(layout), read, err)
		}
	}
}

func TestPeriodSaysItsUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59*time.Second + 999*time.Millisecond: "59s", time.Minute: "1m00s", 61 * time.Second: "1m01s", 59*time.Minute + 59*time.Second: "59m59s",
		7160 * time.Second: "1h59m", 24 * time.Hour: "1d0h", 76 * time.Hour: "3d4h", -time.Minute: "-1m00s",
	} {
		if got := Period(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
