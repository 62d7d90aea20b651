// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sigs.k8s.io/json"

	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

// read reads the body into the call's buffer. A body that is not empty must be of one of the types.
func (c *call) read(r *http.Request, most int64, types ...string) ([]byte, *problem) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil, nil
	}
	if r.ContentLength > most {
		return nil, tooLarge(most)
	}
	controller := http.NewResponseController(c.ResponseWriter)
	_ = controller.SetReadDeadline(wall.Now().Add(readTimeout)) // writers that know no deadlines, in tests, have none
	err := c.fill(r, most)
	if err == nil {
		_ = controller.SetReadDeadline(time.Time{}) // or it would end a login that waits
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge(most)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, bad("The body must be sent within %s.", readTimeout)
	case err != nil:
		return nil, bad("The body must be as long as its Content-Length says, and well formed.")
	}
	if len(c.body) > 0 && !isOneOf(r.Header["Content-Type"], types) {
		return nil, refused(gatewayapi.ReasonUnsupportedMediaType, "Content-Type must be %s.", strings.Join(types, " or "))
	}
	if !utf8.Valid(c.body) {
		return nil, bad("The body must be UTF-8 text.")
	}
	return c.body, nil
}

// fill reads the body to its end.
func (c *call) fill(r *http.Request, most int64) error {
	if n := int(r.ContentLength); n > 0 && n <= cap(c.body) { // the common case: it fits the buffer, and net/http hands out no more than was announced
		c.body = c.body[:n]
		_, err := io.ReadFull(r.Body, c.body)
		return err
	}
	buffer := bytes.NewBuffer(c.body)
	_, err := buffer.ReadFrom(http.MaxBytesReader(c.ResponseWriter, r.Body, most))
	c.body = buffer.Bytes()
	return err
}

func tooLarge(most int64) *problem {
	return refused(gatewayapi.ReasonTooLarge, "The body must have at most %d bytes.", most)
}

func isOneOf(header []string, types []string) bool {
	if len(header) != 1 {
		return false
	}
	if slices.Contains(types, header[0]) {
		return true
	}
	mediaType, parameters, err := mime.ParseMediaType(header[0])
	if err != nil || !slices.Contains(types, mediaType) {
		return false
	}
	charset, stated := parameters["charset"]
	return !stated || strings.EqualFold(charset, "utf-8")
}

// decode reads a JSON object strictly: a field that is unknown, misspelt in its case or stated twice is refused, since a fact that is silently
// left out is a fact that somebody believes to have been recorded.
func decode(data []byte, into any) *problem {
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); len(trimmed) == 0 || trimmed[0] != '{' {
		return bad("The body must be one JSON object with the fields of this call.")
	}
	strict, err := json.UnmarshalStrict(data, into)
	if err != nil {
		return bad("%s", jsonSentence(err))
	}
	if len(strict) > 0 {
		return bad("%s", jsonSentence(strict[0]))
	}
	return nil
}

var (
	unknownField   = regexp.MustCompile(`^unknown field "(.*)"$`)
	duplicateField = regexp.MustCompile(`^duplicate field "(.*)"$`)
	wrongType      = regexp.MustCompile(`^json: cannot unmarshal (\w+)(?: .*?)? into Go (?:struct field \w+\.(\S+)|value) of type (\S+)$`)
)

// jsonSentence says what must be, given what the decoder found.
func jsonSentence(err error) string {
	text := err.Error()
	if m := unknownField.FindStringSubmatch(text); m != nil {
		return "The field " + m[1] + " must be left out: this call does not know it (names are matched with their case)."
	}
	if m := duplicateField.FindStringSubmatch(text); m != nil {
		return "The field " + m[1] + " must be stated once."
	}
	if m := wrongType.FindStringSubmatch(text); m != nil {
		if m[2] == "" {
			m[2] = "body"
		}
		return "The field " + m[2] + " must be " + kindOf(m[3]) + ", not " + article(m[1]) + "."
	}
	return "The body must be one JSON object: " + strings.TrimPrefix(text, "json: ") + "."
}

// kindOf is a Go type as a JSON author knows it.
func kindOf(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "map["):
		return "an object"
	case goType == "bool":
		return "true or false"
	case strings.HasPrefix(goType, "int"):
		return "a whole number"
	case goType == "string", strings.HasSuffix(goType, "Mode"), strings.HasSuffix(goType, "Type"):
		return "text"
	default:
		return "an object"
	}
}

func article(jsonKind string) string {
	switch jsonKind {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	case "string":
		return "text"
	default:
		return "a " + jsonKind
	}
}
