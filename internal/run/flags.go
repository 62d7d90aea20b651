// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/seatkeeper/seatkeeper/pkg/client"
	"github.com/seatkeeper/seatkeeper/pkg/gatewayapi"
)

const (
	defaultGateway   = "https://seatkeeper-gateway.seatkeeper-system.svc"
	defaultTokenFile = "/var/run/secrets/seatkeeper/token" //nolint:gosec // a path, no credential
	podNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
	longestWait      = time.Hour
)

// errHelp is a command line that asked for the usage and got it.
var errHelp = errors.New("help was asked for")

const usage = `Take a seat, run a command, keep the seat while it lives, and give it back.

Usage: seatkeeper run --pool P [flags] -- command [args]

The exit code is the command's (128 and the signal's number if a signal ended it), or:
  64 usage, 69 gateway unavailable, 75 no seat free, 76 the session ended while the command ran, 77 not allowed, 126 and 127 as a shell's.

Flags:
`

// options are the command line's.
type options struct {
	pool, namespace, gateway, tokenFile, caFile string
	insecure                                    bool
	wait, patience, grace                       time.Duration
	notify                                      bool
	passToken                                   bool
	login                                       client.Login
	command                                     []string
}

func parse(args []string, p Process) (*options, error) {
	o := &options{}
	var userName, module, onEnd string
	flags := flag.NewFlagSet("seatkeeper run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.pool, "pool", "", "The LicensePool to take a seat of; required.")
	flags.StringVar(&o.namespace, "namespace", "", "The pool's namespace; default: $SEATKEEPER_NAMESPACE, the pod's own, or default.")
	flags.StringVar(&o.gateway, "gateway", "", "The gateway's URL; default: $SEATKEEPER_GATEWAY, or "+defaultGateway+".")
	flags.StringVar(&o.tokenFile, "token-file", "", "The file of the service-account token, made for the gateway's audience; default: $SEATKEEPER_TOKEN_FILE, or "+defaultTokenFile+".")
	flags.StringVar(&o.caFile, "ca-file", "", "The file of the authorities that may have signed the gateway's certificate; default: $SEATKEEPER_CA_FILE, or the system's.")
	flags.BoolVar(&o.insecure, "insecure-skip-tls-verify", false, "Accept any certificate: whoever sits in between can read the tokens.")
	flags.StringVar(&userName, "user", "", "The user to sign on; default: who runs this.")
	flags.StringVar(&module, "module", "", "The module to sign on to; default: the gateway's.")
	flags.DurationVar(&o.wait, "wait", 0, "How long to wait for a seat when the pool is full, 0s to 1h.")
	flags.DurationVar(&o.patience, "gateway-timeout", 30*time.Second, "How long to try to sign on, beside --wait, while no gateway answers.")
	flags.StringVar(&onEnd, "on-end", "terminate", "What to do when the session ends while the command runs: terminate it, or notify on standard error alone.")
	flags.DurationVar(&o.grace, "grace", 10*time.Second, "How long a command that is asked to stop (SIGTERM) has until it is made to (SIGKILL).")
	flags.BoolVar(&o.passToken, "pass-token", false, "Give the command the session's token in $SEATKEEPER_TOKEN, so that it can report for itself.")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			_, _ = io.WriteString(p.Stdout, usage)
			flags.SetOutput(p.Stdout)
			flags.PrintDefaults()
			return nil, errHelp
		}
		return nil, fmt.Errorf("%w; see seatkeeper run --help", err)
	}
	o.command = flags.Args()
	environment := func(name, otherwise string) string { return or(lookup(p.Environ, name), otherwise) }
	o.namespace = or(o.namespace, environment("SEATKEEPER_NAMESPACE", podNamespace()))
	o.gateway = or(o.gateway, environment("SEATKEEPER_GATEWAY", defaultGateway))
	o.tokenFile = or(o.tokenFile, environment("SEATKEEPER_TOKEN_FILE", defaultTokenFile))
	o.caFile = or(o.caFile, environment("SEATKEEPER_CA_FILE", ""))
	o.notify = onEnd == "notify"
	switch {
	case o.pool == "":
		return nil, errors.New("--pool must name a LicensePool; see seatkeeper run --help")
	case len(o.command) == 0 || o.command[0] == "":
		return nil, errors.New("a command must be given: seatkeeper run --pool P -- command [args]")
	case o.wait < 0 || o.wait > longestWait:
		return nil, errors.New("--wait must be from 0s to 1h")
	case o.patience <= 0:
		return nil, errors.New("--gateway-timeout must be longer than 0s")
	case o.grace < 0:
		return nil, errors.New("--grace must not be negative")
	case onEnd != "notify" && onEnd != "terminate":
		return nil, fmt.Errorf("--on-end must be terminate or notify, not %q", onEnd)
	}
	return o, o.describe(userName, module, p)
}

// describe fills in the facts of the login.
func (o *options) describe(userName, module string, p Process) error {
	local := lookup(p.Environ, "USER")
	if account, err := user.Current(); err == nil {
		local = account.Username
	}
	if userName = or(userName, local); userName == "" {
		return errors.New("--user must be given: who runs this has no name here")
	}
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	o.login = client.Login{
		UserName: userName, Module: module,
		Client:       &gatewayapi.Client{HostName: cut(host, 253), UserName: cut(local, 256), UserAgent: cut("seatkeeper-run/"+or(p.Version, "dev"), 1024)},
		Applications: []string{cut(filepath.Base(o.command[0]), 128)},
	}
	return nil
}

// environ is the command's environment: this one's, with the session's name and, if wished, its token; another session's, that this one runs in, are left out.
func (o *options) environ(p Process, session *client.Session) []string {
	var out []string
	for _, variable := range p.Environ {
		if name, _, _ := strings.Cut(variable, "="); name != "SEATKEEPER_SESSION" && name != "SEATKEEPER_TOKEN" {
			out = append(out, variable)
		}
	}
	out = append(out, "SEATKEEPER_SESSION="+session.Name())
	if o.passToken {
		out = append(out, "SEATKEEPER_TOKEN="+session.Token())
	}
	return out
}

func podNamespace() string {
	if raw, err := os.ReadFile(podNamespaceFile); err == nil {
		return or(strings.TrimSpace(string(raw)), "default")
	}
	return "default"
}

// lookup is a variable's last value, as the system would find it.
func lookup(environ []string, name string) string {
	value := ""
	for _, variable := range environ {
		if v, ok := strings.CutPrefix(variable, name+"="); ok {
			value = v
		}
	}
	return value
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// cut keeps what the gateway takes of a text: so many characters.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
