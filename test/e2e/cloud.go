package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/netlab"
)

// Deadlines. They are generous because test machines are slow when busy; what a story promises has a limit of its own.
const (
	patience = 20 * time.Second
	callTime = 30 * time.Second
)

// Options say how a cloud differs from the usual; the zero value is weftd without hosts.
type Options struct {
	Hosts   []netlab.HostSpec
	Weftd   []string      // further flags of weftd
	Program string        // to run as weftd, a package of the tree; default: ./cmd/weftd
	Client  client.Config // how to reach its API; the address is always filled in
	Manager string        // what hosts are told to set-manager; default: Lab.ManagerTarget
	// Prepare is called when the hosts run, before weftd is started and before they are told who manages them.
	Prepare func(c *Cloud)
	// Refused are the hosts that must not be waited for.
	Refused []string
}

// Hosts are the usual hosts h1 to hN.
func Hosts(n int) []netlab.HostSpec {
	hosts := make([]netlab.HostSpec, n)
	for i := range hosts {
		hosts[i].Name = fmt.Sprintf("h%d", i+1)
	}
	return hosts
}

// Cloud is a lab whose hosts weftd manages, seen from a test or, with Run, from a part of one.
type Cloud struct {
	T *testing.T
	*shared
}

// shared is what a test and its parts have in common.
type shared struct {
	Lab    *netlab.Lab
	Weftd  *Weftd
	Client *client.Client
	opts   Options

	physicals []*netlab.Physical

	mu      sync.Mutex
	members map[string][]*netlab.Endpoint // by network
}

// New makes a cloud that lives as long as the test: a lab, weftd, and hosts that are onboarded with one line each.
func New(t *testing.T, o Options) *Cloud {
	t.Helper()
	lab := netlab.ForTest(t)
	dir := filepath.Join(lab.Dir(), "weftd")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	c := &Cloud{T: t, shared: &shared{Lab: lab, opts: o, members: map[string][]*netlab.Endpoint{}}}
	if _, err := lab.AddHosts(o.Hosts...); err != nil {
		t.Fatal(err)
	}
	if c.opts.Manager == "" {
		c.opts.Manager = lab.ManagerTarget()
	}
	c.Weftd = newWeftd(lab, dir, o.Weftd)
	if o.Program != "" {
		c.Weftd.program = filepath.Join(dir, "weftd")
		if err := buildProgram(c.Weftd.program, o.Program); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(c.finish)
	if o.Prepare != nil {
		o.Prepare(c)
	}
	if err := c.Weftd.Start(); err != nil {
		t.Fatal(err)
	}
	c.dial()
	for _, h := range lab.Hosts() {
		c.Onboard(h)
	}
	c.Synced()
	return c
}

// Run runs a part of the test.
func (c *Cloud) Run(name string, story func(c *Cloud)) {
	c.T.Run(name, func(t *testing.T) { story(&Cloud{T: t, shared: c.shared}) })
}

// finish says what there is to know when the test has failed, and demands that weftd ends in good order.
func (c *Cloud) finish() {
	if c.T.Failed() {
		c.T.Log(c.Diagnosis())
	}
	if c.Client != nil {
		_ = c.Client.Close() // weftd goes next
	}
	if err := c.Weftd.Stop(); err != nil {
		c.T.Error(err)
	}
	if tail, crash := c.Weftd.Tail(60); crash != nil {
		c.T.Errorf("%v\n…\n%s", crash, tail)
	}
}

// dial connects the client once weftd serves.
func (c *Cloud) dial() {
	c.T.Helper()
	conf := c.opts.Client
	conf.Address = GRPC
	conf.Options = append(conf.Options, grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
		return c.Lab.DialContext(ctx, "tcp", addr)
	}))
	c.Eventually(patience, "weftd serves", func() error {
		if c.Weftd.PID() == 0 {
			tail, _ := c.Weftd.Tail(20)
			c.T.Fatalf("weftd has ended:\n%s", tail)
		}
		ctx, cancel := c.ctx()
		defer cancel()
		var err error
		c.Client, err = client.Dial(ctx, conf)
		return err
	})
}

func (c *Cloud) ctx() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), callTime)
}

// Onboard is the one line by which a host joins.
func (c *Cloud) Onboard(h *netlab.Host) {
	c.T.Helper()
	if err := h.SetManager(c.opts.Manager); err != nil {
		c.T.Fatal(err)
	}
}

// Host is a host by name.
func (c *Cloud) Host(name string) *netlab.Host {
	c.T.Helper()
	h, ok := c.Lab.Host(name)
	if !ok {
		c.T.Fatalf("the lab has no host %s", name)
	}
	return h
}

// Synced waits until weftd says of every host that both connections are in step and nothing is left to do.
func (c *Cloud) Synced() {
	c.T.Helper()
	c.Eventually(patience, "every host is synced", c.synced)
}

func (c *Cloud) synced() error {
	for _, h := range c.Lab.Hosts() {
		if slices.Contains(c.opts.Refused, h.Name()) {
			continue
		}
		res, err := c.get("host/" + h.Name())
		if err != nil {
			return err
		}
		st := res.GetStatus().GetHost()
		const want = weftv1.HostStatus_CONNECTION_SYNCED
		if st.GetOpenflow() != want || st.GetOvsdb() != want || st.GetLag() != 0 {
			return fmt.Errorf("host %s: OpenFlow %v, OVSDB %v, lag %d, %v %s", h.Name(), st.GetOpenflow(), st.GetOvsdb(), st.GetLag(),
				res.GetStatus().GetConditions(), res.GetStatus().GetLastError())
		}
	}
	return nil
}

// Revalidated waits until the datapaths of all hosts have forgotten what their flows no longer say. Open vSwitch confirms a change
// of flows before that.
func (c *Cloud) Revalidated() {
	for _, h := range c.Lab.Hosts() {
		_, _ = h.Appctl("revalidator/wait") // it fails where ovs-vswitchd is gone, which remembers nothing
	}
}

// Restart starts weftd again after Kill or Stop, and waits until it serves and every host is synced.
func (c *Cloud) Restart() {
	c.T.Helper()
	if err := c.Weftd.Start(); err != nil {
		c.T.Fatal(err)
	}
	c.Eventually(patience, "weftd serves again", func() error {
		if c.Weftd.PID() == 0 {
			return errors.New("weftd has ended")
		}
		ctx, cancel := c.ctx()
		defer cancel()
		_, err := c.Client.Info(ctx)
		return err
	})
	c.Synced()
}

// Eventually demands that check returns nil within some time.
func (c *Cloud) Eventually(within time.Duration, what string, check func() error) {
	c.T.Helper()
	if err := netlab.Eventually(within, what, check); err != nil {
		c.T.Fatal(err)
	}
}

// Do demands that steps succeed.
func (c *Cloud) Do(errs ...error) {
	c.T.Helper()
	if err := errors.Join(errs...); err != nil {
		c.T.Fatal(err)
	}
}

// Weft runs the command line, demands success, and returns what it printed.
func (c *Cloud) Weft(args ...string) string {
	c.T.Helper()
	out, errs, status := c.TryWeft("", args...)
	if status != 0 {
		c.T.Fatalf("weft %v: exit status %d\n%s%s", args, status, out, errs)
	}
	return out
}

// TryWeft runs the command line with standard input, and returns what it printed and its exit status.
func (c *Cloud) TryWeft(stdin string, args ...string) (stdout, stderr string, status int) {
	c.T.Helper()
	ctx, cancel := c.ctx()
	defer cancel()
	stdout, stderr, status, err := Weft(ctx, c.Lab, c.environment(), stdin, args...)
	if err != nil {
		c.T.Fatalf("weft %v: %v", args, err)
	}
	return stdout, stderr, status
}

// environment tells the command line how to reach the API.
func (c *Cloud) environment() []string {
	tls := c.opts.Client
	return []string{"WEFT_SERVER=" + GRPC, "WEFT_TLS_CA=" + tls.CAFile, "WEFT_TLS_CERT=" + tls.CertFile, "WEFT_TLS_KEY=" + tls.KeyFile}
}
