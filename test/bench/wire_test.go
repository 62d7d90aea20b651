// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// wire is a connection on which one client sends its heartbeats. It does the least that HTTP/1.1 asks for, so that what is measured is the server: a full client takes as
// much time again as the server does.
type wire struct {
	conn  net.Conn
	read  *bufio.Reader
	buf   []byte
	heads [][]byte
}

// wires are of as many clients as there are, each with requests for all sessions.
func wires(ctx context.Context, url string, tokens []string) (chan *wire, error) {
	address := strings.TrimPrefix(url, "http://")
	requests := make([][]byte, len(tokens))
	for i, token := range tokens {
		requests[i] = fmt.Appendf(nil, "POST /v1/session/heartbeat HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			address, token, len(report), report)
	}
	free := make(chan *wire, clients)
	for range clients {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		free <- &wire{conn: conn, read: bufio.NewReader(conn), buf: make([]byte, len(answer)), heads: requests}
	}
	return free, nil
}

var contentLength = fmt.Appendf(nil, "Content-Length: %d", len(answer))

// beat sends a session's heartbeat, and looks at the answer.
func (w *wire) beat(session int) error {
	if err := w.conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	if _, err := w.conn.Write(w.heads[session]); err != nil {
		return err
	}
	line, err := w.read.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("the answer is %q, want %d", line, http.StatusOK)
	}
	fits := false
	for len(line) > 2 {
		if line, err = w.read.ReadSlice('\n'); err != nil {
			return err
		}
		fits = fits || bytes.HasPrefix(line, contentLength)
	}
	if !fits {
		return fmt.Errorf("the answer must have %d bytes, as %s", len(answer), answer)
	}
	_, err = io.ReadFull(w.read, w.buf)
	return err
}
