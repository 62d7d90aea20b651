// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

// Package chart draws the usage of a license pool: the connections open over time as a line, and the licensed maximum as a dotted line (A5).
//
// A picture is laid out once, as shapes that have a role, and then written as SVG or PNG, so that both say the same. The line is level over each
// point, at its mean; a band reaches up to the point's peak. Time without a record is hatched, and no line crosses it.
//
// The code is our own where a plotting library would not do. That of gonum writes an SVG of fixed colours, without classes, a title or a description, so
// that it can neither follow a dark page nor be read aloud; it knows neither hatched gaps nor days of 23 hours; and it brings eight modules, one of them
// under a licence (FreeType or GPL) that this project does not take. Letters and pixels come from golang.org/x/image, the terminal's line from asciigraph.
package chart
