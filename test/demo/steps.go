package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/test/netlab"
)

// errUnexpected says that something was not as expected, which has been printed where it was seen.
var errUnexpected = errors.New("not as expected")

// demo is one run.
type demo struct {
	*printer
	opts   options
	lab    *netlab.Lab
	weftd  *weftd
	checks int
	wrong  []string
}

// check notes whether something is as expected and returns the mark for it.
func (d *demo) check(ok bool, what string) string {
	d.checks++
	if !ok {
		d.wrong = append(d.wrong, what)
	}
	return d.mark(ok)
}

func run(ctx context.Context, p *printer, o options) (err error) {
	d := &demo{printer: p, opts: o}
	start := time.Now()
	d.say("%s  Two tenants with the same addresses share three Open vSwitch hosts, and never meet.", p.paint(bold, "Weft."))
	for _, program := range []string{"weftd", "weft"} {
		if _, err := os.Stat(filepath.Join(o.bin, program)); err != nil {
			return fmt.Errorf("%w: run \"make build\" first, or \"make demo\", which does", err)
		}
	}
	if err := sweep(p, o.keep); err != nil {
		return err
	}
	defer func() {
		if d.lab != nil && (!o.keep || err != nil && !errors.Is(err, errUnexpected)) {
			err = errors.Join(err, d.end())
		}
	}()
	for _, step := range []func(context.Context) error{d.hosts, d.controller, d.onboard, d.tenants, d.matrix, d.restart, d.look} {
		if err := step(ctx); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return d.result(time.Since(start))
}

// end takes the lab down, and weftd, which runs outside of a lab that would have been kept.
func (d *demo) end() error {
	var err error
	if d.weftd != nil {
		err = d.weftd.kill()
	}
	return errors.Join(err, d.lab.Down())
}

func (d *demo) hosts(ctx context.Context) error {
	d.heading("Three hosts")
	d.say("Each is a network namespace with its own ovsdb-server and ovs-vswitchd, as any hypervisor with Open vSwitch has them.\n" +
		"Nothing of Weft is installed on them. A common underlay network connects them; on each are two machines to be, one of\n" +
		"either tenant.\n")
	start := time.Now()
	lab, err := makeLab(ctx, filepath.Join(d.opts.examples, "two-tenants-lab.yaml"), d.opts.keep)
	if err != nil {
		return err
	}
	d.lab = lab
	for _, h := range lab.Hosts() {
		version, err := h.Appctl("version")
		if err != nil {
			return err
		}
		var machines []string
		for _, e := range d.machines() {
			if e.Host() == h {
				machines = append(machines, fmt.Sprintf("%s (%s)", e.Name(), e.IPv4()))
			}
		}
		first, _, _ := strings.Cut(version, "\n")
		d.say("  %s  tunnel address %s  Open vSwitch %s  machines %s", d.paint(bold, h.Name()), h.TunnelIP(),
			first[strings.LastIndexByte(first, ' ')+1:], strings.Join(machines, ", "))
	}
	d.say("\nup after %s", span(time.Since(start)))
	return nil
}

func (d *demo) controller(ctx context.Context) error {
	d.heading("The controller")
	d.say("One program, with its store inside. No configuration file.\n")
	d.weftd = newWeftd(d.lab, d.opts.bin)
	d.command("$", "weftd "+strings.Join(d.weftd.args, " ")+" &")
	took, err := d.weftd.start(ctx)
	if err != nil {
		return err
	}
	d.say("serves after %s", span(took))
	return nil
}

func (d *demo) onboard(ctx context.Context) error {
	d.heading("Onboarding: one line on each host, and nothing else")
	start := time.Now()
	for _, h := range d.lab.Hosts() {
		d.command(h.Name()+"#", "ovs-vsctl set-manager "+d.lab.ManagerTarget())
		if err := h.SetManager(d.lab.ManagerTarget()); err != nil {
			return err
		}
	}
	if err := d.synced(ctx); err != nil {
		return err
	}
	d.say("\nAll connected and in step after %s:\n", span(time.Since(start)))
	return d.show(ctx, "hosts")
}

// synced waits until "weft hosts" says of every host that it is.
func (d *demo) synced(ctx context.Context) error {
	return netlab.Eventually(20*time.Second, "every host is synced", func() error {
		out, err := d.weftd.weft(ctx, "get", "hosts", "--field", "status.host.openflow=SYNCED", "--field", "status.host.ovsdb=SYNCED",
			"--field", "status.host.lag=0", "-o", "name").CombinedOutput()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // whoever is interrupted waits no longer
		}
		if n := strings.Count(string(out), "host/"); err != nil || n < len(d.lab.Hosts()) {
			return fmt.Errorf("%d of %d are: %w, %s", n, len(d.lab.Hosts()), err, out)
		}
		return nil
	})
}

func (d *demo) tenants(ctx context.Context) error {
	d.heading("Two tenants, one file")
	d.say("Tenant red and tenant blue: each a network with the subnets 10.0.0.0/24 and fd00:10::/64, and ports vm1, vm2 and vm3 with\n" +
		"the very same IP and MAC addresses as the other's. All of it is one transaction.\n")
	file := filepath.Join(d.opts.examples, "two-tenants.yaml")
	if err := d.shows(ctx, "weft apply -f examples/two-tenants.yaml --wait", "apply", "-f", file, "--wait"); err != nil {
		return err
	}
	d.say("\nThe machines start: a hypervisor puts their interfaces on br-int and says which port each is, such as\n")
	first := d.machines()[0]
	d.command(first.Host().Name()+"#", fmt.Sprintf("ovs-vsctl add-port br-int %s -- set Interface %s external_ids:iface-id=%s", first.Port(), first.Port(), first.IfaceID()))
	start := time.Now()
	if err := d.lab.Plug(ctx); err != nil {
		return err
	}
	err := netlab.Eventually(20*time.Second, "every port is active", func() error {
		out, err := d.weftd.weft(ctx, "get", "ports", "--field", "status.phase=ACTIVE", "-o", "name").Output()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // whoever is interrupted waits no longer
		}
		if n := strings.Count(string(out), "port/"); err != nil || n < len(d.lab.Endpoints()) {
			return fmt.Errorf("%d of %d are, %w", n, len(d.lab.Endpoints()), err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.say("\nall %d plugged and working after %s", len(d.lab.Endpoints()), span(time.Since(start)))
	return nil
}

// machines are the endpoints, red's first.
func (d *demo) machines() []*netlab.Endpoint {
	all := d.lab.Endpoints()
	slices.SortFunc(all, func(a, b *netlab.Endpoint) int {
		return cmp.Or(-strings.Compare(tenant(a), tenant(b)), strings.Compare(a.Name(), b.Name()))
	})
	return all
}

// tenant is the owner of an endpoint.
func tenant(e *netlab.Endpoint) string {
	name, _, _ := strings.Cut(e.IfaceID(), "/")
	return name
}

// under is one conversation that goes on while weftd is away.
type under struct {
	name   string
	pinger *netlab.Pinger
}

func (d *demo) restart(ctx context.Context) error {
	d.heading("weftd dies and comes back, under traffic")
	d.say("100 pings a second run between machines on different hosts while weftd is killed (SIGKILL) and started again.\n")
	pings, err := d.traffic()
	if err != nil {
		return err
	}
	d.command("$", fmt.Sprintf("kill -9 %d", d.weftd.cmd.Process.Pid))
	start := time.Now()
	if err := d.weftd.kill(); err != nil {
		return err
	}
	d.command("$", "weftd … &")
	if _, err := d.weftd.start(ctx); err != nil {
		return err
	}
	if err := d.synced(ctx); err != nil {
		return err
	}
	d.say("\nback, with every host in step, %s after the kill\n", span(time.Since(start)))
	for _, u := range pings {
		r := u.pinger.Stop()
		ok := r.Lost() == 0 && r.Received > 0
		d.say("  %-42s  sent %4d   lost %s   longest gap %-8s %s", u.name, r.Sent, d.paint(bold, fmt.Sprint(r.Lost())), span(r.LongestGap),
			d.check(ok, fmt.Sprintf("%s: %d pings lost while weftd was away", u.name, r.Lost())))
	}
	return nil
}

// traffic starts pings between machines of each tenant, IPv4 and IPv6.
func (d *demo) traffic() ([]under, error) {
	var all []under
	for _, pair := range [][2]string{{"red-vm1", "red-vm2"}, {"blue-vm1", "blue-vm3"}} {
		from, _ := d.lab.Endpoint(pair[0])
		to, ok := d.lab.Endpoint(pair[1])
		if from == nil || !ok {
			return nil, fmt.Errorf("the lab has no %v", pair)
		}
		for _, dst := range []string{to.IPv4().String(), to.IPv6().String()} {
			pinger, err := from.StartPing(dst, netlab.PingOptions{Interval: 10 * time.Millisecond, Wait: 2 * time.Second})
			if err != nil {
				return nil, err
			}
			all = append(all, under{fmt.Sprintf("%s to %s at %s", from.Name(), to.Name(), dst), pinger})
			if err := netlab.Eventually(5*time.Second, "answers from "+dst, func() error {
				if pinger.Received() == 0 {
					return errors.New("none yet")
				}
				return nil
			}); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (d *demo) look(ctx context.Context) error {
	d.heading("A look at what there is")
	for _, args := range [][]string{{"get", "networks"}, {"get", "ports"}, {"hosts"}} {
		if err := d.show(ctx, args...); err != nil {
			return err
		}
		d.say("")
	}
	d.say("Why does a switch have a certain flow? Here is one of h1, and what it comes from:\n")
	cookie, flow, err := d.someFlow()
	if err != nil {
		return err
	}
	d.command("h1#", "ovs-ofctl dump-flows br-int")
	d.say("…\n%s\n…", flow)
	d.say("")
	return d.show(ctx, "explain", cookie, "--host", "h1")
}

// someFlow picks a flow of h1 that leads frames to a vm2, on another host.
func (d *demo) someFlow() (cookie, flow string, err error) {
	h, ok := d.lab.Host("h1")
	e, there := d.lab.Endpoint("red-vm2")
	if !ok || !there {
		return "", "", errors.New("the lab has no h1 or no red-vm2")
	}
	all, err := h.DumpFlows(netlab.IntegrationBridge)
	if err != nil {
		return "", "", err
	}
	for _, f := range all {
		found := regexp.MustCompile(`cookie=(0x[0-9a-f]+),`).FindStringSubmatch(f)
		if found != nil && strings.Contains(f, "dl_dst="+e.MAC().String()) && strings.Contains(f, "tun_dst") {
			return found[1], f, nil
		}
	}
	return "", "", fmt.Errorf("h1 has no flow that leads to %s", e.MAC())
}

// show runs weft and shows the command and its output.
func (d *demo) show(ctx context.Context, args ...string) error {
	return d.shows(ctx, "weft "+strings.Join(args, " "), args...)
}

func (d *demo) shows(ctx context.Context, line string, args ...string) error {
	d.command("$", line)
	out, err := d.weftd.weft(ctx, args...).CombinedOutput()
	d.output(string(out))
	if err != nil {
		return fmt.Errorf("weft %s: %w", args[0], err)
	}
	return nil
}

// result ends the demo.
func (d *demo) result(took time.Duration) error {
	d.heading("Result")
	if len(d.wrong) > 0 {
		d.say("%s: %d of %d checks.", d.mark(false), len(d.wrong), d.checks)
		for _, w := range d.wrong {
			d.say("  %s", w)
		}
	} else {
		d.say("All %d checks are as expected, after %s.", d.checks, span(took))
	}
	if d.opts.keep {
		d.say(`
Everything stays up, weftd with its log in %s. To play with it:

  export PATH=%s:$PATH
  weft hosts                                    # and: weft get all, weft watch, weft describe port/red/vm1
  weft lab exec red-vm1 ping -c 3 10.0.0.12     # red's vm2 answers
  weft lab exec blue-vm1 ping -c 3 10.0.0.12    # blue's does
  weft delete port/red/vm2                      # now red's does not, and blue's does
  weft apply -f %s
  weft lab exec h1 ovs-ofctl dump-flows br-int  # delete some with del-flows, and look again

To take it down:

  %s -down`, d.weftd.logFile(), d.opts.bin, filepath.Join(d.opts.examples, "two-tenants.yaml"), filepath.Join(d.opts.bin, "demo"))
	}
	if len(d.wrong) > 0 {
		return errUnexpected
	}
	return nil
}

// span writes a duration the way people do.
func span(t time.Duration) string {
	switch {
	case t < time.Second:
		return fmt.Sprintf("%d ms", t.Milliseconds())
	case t < time.Minute:
		return fmt.Sprintf("%.1f s", t.Seconds())
	}
	return t.Round(time.Second).String()
}
