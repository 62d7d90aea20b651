// Copyright The Seatkeeper Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/seatkeeper/seatkeeper/test/controlplane"
)

// nginx is one that passes calls on to a replica, and says from whom they come: at the one URL by X-Forwarded-For, at the other by Forwarded.
type nginx struct{ listing, forwarding string }

var nginxConfig = template.Must(template.New("nginx").Parse(`daemon off;
worker_processes 1;
pid {{.Dir}}/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path {{.Dir}}/body;
  proxy_temp_path {{.Dir}}/proxy;
  fastcgi_temp_path {{.Dir}}/fastcgi;
  uwsgi_temp_path {{.Dir}}/uwsgi;
  scgi_temp_path {{.Dir}}/scgi;
  upstream gateway { server {{.Gateway}}; keepalive 8; }
  proxy_http_version 1.1;
  proxy_read_timeout 1h;
  server {
    listen {{.Listing}};
    location / { proxy_pass http://gateway; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }
  }
  server {
    listen {{.Forwarding}};
    location / { proxy_pass http://gateway; proxy_set_header Connection ""; proxy_set_header Forwarded "for=$remote_addr;proto=http"; }
  }
}
`))

// startNginx runs Debian's nginx until the container that it is called in ends.
func startNginx(ctx context.Context, gateway string) *nginx {
	GinkgoHelper()
	find := exec.CommandContext(ctx, "hack/nginx.sh")
	find.Dir, find.Stderr = root, GinkgoWriter
	out, err := find.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 3 {
		Skip("no nginx here, and none that hack/nginx.sh can install")
	}
	Expect(err).NotTo(HaveOccurred())
	program := strings.TrimSpace(string(out))

	values := struct{ Dir, Gateway, Listing, Forwarding string }{Dir: GinkgoT().TempDir(), Gateway: gateway}
	for _, address := range []*string{&values.Listing, &values.Forwarding} {
		*address, err = controlplane.FreeAddress("")
		Expect(err).NotTo(HaveOccurred())
	}
	config := filepath.Join(values.Dir, "nginx.conf")
	file, err := os.Create(config)
	Expect(err).NotTo(HaveOccurred())
	Expect(nginxConfig.Execute(file, values)).To(Succeed())
	Expect(file.Close()).To(Succeed())
	child, err := controlplane.StartChild(program, filepath.Join(values.Dir, "nginx.log"), "-p", values.Dir, "-c", config)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(child.Stop(5 * time.Second)).To(Succeed()) })
	Eventually(func() error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", values.Forwarding)
		if err == nil {
			err = conn.Close()
		}
		return err
	}).WithContext(ctx).Should(Succeed())
	return &nginx{listing: "http://" + values.Listing, forwarding: "http://" + values.Forwarding}
}
