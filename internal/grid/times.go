// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package grid

import (
	"fmt"
	"strings"
	"time"
)

// Reader is who reads times: where it is, and how times are written there.
type Reader struct {
	// Zone is the reader's time zone; nil: UTC.
	Zone *time.Location
	// Layout is the reader's own format, as package time takes it; empty: that of no place, year first.
	Layout string
}

// Own is a time in the reader's own format and zone; a zero time is empty.
func (r Reader) Own(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	zone, layout := r.Zone, r.Layout
	if zone == nil {
		zone = time.UTC
	}
	if layout == "" {
		layout = yearFirst
	}
	return t.In(zone).Format(layout)
}

// Exact is a time in the format that nobody can misread, RFC 3339 in UTC (B7); a zero time is empty.
func Exact(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Both is a time in both formats (B7); a zero time is empty.
func (r Reader) Both(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return r.Own(t) + " (" + Exact(t) + ")"
}

const yearFirst = "2006-01-02 15:04:05 MST"

// dates is how a date is written in numbers: by language, and by language and territory where that differs.
var dates = map[string]string{
	"en_US": "01/02/2006", "en": "02/01/2006", "en_CA": "2006-01-02", "en_ZA": "2006/01/02", "en_PH": "01/02/2006",
	"de": "02.01.2006", "fr": "02/01/2006", "fr_CA": "2006-01-02", "fr_CH": "02.01.2006", "it": "02/01/2006", "it_CH": "02.01.2006", "es": "02/01/2006", "pt": "02/01/2006",
	"ca": "02/01/2006", "nl": "02-01-2006", "nl_BE": "02/01/2006", "da": "02.01.2006", "nb": "02.01.2006", "nn": "02.01.2006", "no": "02.01.2006", "fi": "02.01.2006",
	"sv": "2006-01-02", "is": "02.01.2006", "et": "02.01.2006", "lv": "02.01.2006", "lt": "2006-01-02", "pl": "02.01.2006", "cs": "02.01.2006", "sk": "02.01.2006",
	"hu": "2006.01.02.", "sl": "02.01.2006", "hr": "02.01.2006.", "sr": "02.01.2006.", "ro": "02.01.2006", "bg": "02.01.2006", "el": "02/01/2006", "tr": "02.01.2006",
	"ru": "02.01.2006", "uk": "02.01.2006", "he": "02.01.2006", "ar": "02/01/2006", "hi": "02/01/2006", "id": "02/01/2006", "vi": "02/01/2006", "th": "02/01/2006",
	"zh": "2006/01/02", "ja": "2006/01/02", "ko": "2006.01.02.",
}

// halfDays are the places where afternoons have hours of their own.
var halfDays = map[string]bool{"en_US": true, "en_CA": true, "en_AU": true, "en_NZ": true, "en_IN": true, "en_PH": true, "hi": true, "el": true, "ar": true}

// Layout is how times are written in a locale, as LC_TIME or LANG name it ("de_DE.UTF-8"). One that is none, or is not known, gets the year first and 24 hours.
func Layout(locale string) string {
	locale, _, _ = strings.Cut(locale, ".")
	locale, _, _ = strings.Cut(locale, "@")
	locale = strings.ReplaceAll(locale, "-", "_")
	language, _, _ := strings.Cut(locale, "_")
	date, known := dates[locale]
	if !known {
		date, known = dates[language]
	}
	if !known {
		return yearFirst
	}
	if halfDays[locale] || halfDays[language] {
		return date + " 03:04:05 PM MST"
	}
	return date + " 15:04:05 MST"
}

// Period is a span of time in units that it states, the two largest of them: 40s, 12m30s, 2h05m, 3d4h. It is cut, not rounded.
func Period(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Period(-d)
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
	}
}
