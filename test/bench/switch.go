package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
	"github.com/weft-sdn/weft/test/netlab"
)

const benchBridge = "br-bench"

// ovs is a real Open vSwitch with an empty bridge, and the flows that are pushed into it.
type ovs struct {
	lab   *netlab.Lab
	host  *netlab.Host
	flows []flow.Flow
	file  string // the flows as ovs-ofctl reads them
}

// newOVS makes the switch and n flows.
func (b *bench) newOVS(n int, opts netlab.HostOptions) (*ovs, error) {
	flows, err := benchFlows(n)
	if err != nil {
		return nil, err
	}
	o := &ovs{flows: flows, file: filepath.Join(b.dir, "flows.txt")}
	var text strings.Builder
	for _, f := range flows {
		text.WriteString(f.String() + "\n")
	}
	if err := os.WriteFile(o.file, []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	if o.lab, err = netlab.New(netlab.Config{Name: "bench"}); err != nil {
		return nil, err
	}
	if o.host, err = o.lab.AddHost("h1", opts); err == nil {
		_, err = o.host.Vsctl("add-br", benchBridge, "--", "set", "Bridge", benchBridge, "datapath_type=netdev", "protocols=OpenFlow13", "fail_mode=secure")
	}
	if err != nil {
		return nil, errors.Join(err, o.lab.Close())
	}
	return o, nil
}

func (o *ovs) close() error { return o.lab.Close() }

// ofctl runs ovs-ofctl over the bridge's own socket, and returns what it printed.
func (o *ovs) ofctl(args ...string) (string, error) {
	cmd := o.host.Command("ovs-ofctl", append([]string{"-O", "OpenFlow13"}, args...)...)
	cmd.Env = append(os.Environ(), o.host.Env()...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("ovs-ofctl %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return string(out), nil
}

func (o *ovs) empty() error {
	_, err := o.ofctl("del-flows", benchBridge)
	return err
}

// push puts the flows in with ovs-ofctl.
func (o *ovs) push() error {
	_, err := o.ofctl("--bundle", "add-flows", benchBridge, o.file)
	return err
}

// expect demands a number of flows.
func (o *ovs) expect(n int) error {
	out, err := o.ofctl("dump-aggregate", benchBridge)
	if err == nil && !strings.Contains(out, fmt.Sprintf("flow_count=%d\n", n)) {
		err = fmt.Errorf("the switch should have %d flows: %s", n, out)
	}
	return err
}

// connection is an OpenFlow connection over the bridge's own socket, the one that ovs-ofctl uses.
func (o *ovs) connection(ctx context.Context) (*openflow.Conn, func(), error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", filepath.Join(o.host.Dir(), benchBridge+".mgmt"))
	if err != nil {
		return nil, nil, err
	}
	c, err := openflow.NewConn(ctx, nc, openflow.ConnConfig{})
	if err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Run(ctx) // requests tell why it ended
		close(ended)
	}()
	return c, func() {
		c.Close(context.Canceled)
		<-ended
	}, nil
}

// timed returns how many seconds something took.
func timed(f func() error) (float64, error) {
	began := time.Now()
	err := f()
	return time.Since(began).Seconds(), err
}
