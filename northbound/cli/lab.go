package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/test/netlab"
)

// labOptions are the flags of the lab commands.
type labOptions struct {
	state   string
	file    string
	hosts   int
	manager string
	timeout time.Duration
}

func (a *app) labCmd() *cobra.Command {
	var opt labOptions
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Make real Open vSwitch hosts and endpoints on this machine, to try things (as root)",
		Long: `Make real Open vSwitch hosts and endpoints on this machine, to try things. It needs root and Open vSwitch.

Each host is a network namespace with its own ovsdb-server and ovs-vswitchd, each endpoint a namespace with one interface.
weftd runs outside of the lab, where the hosts reach it at 10.99.0.100.`,
		Example: "  weft lab up -f examples/two-tenants-lab.yaml\n  weft lab exec red-vm1 ping -c 3 10.0.0.12\n  weft lab exec h1 ovs-ofctl dump-flows br-int\n  weft lab down",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&opt.state, "state", env("WEFT_LAB", "/run/weft-lab"), "`folder` that remembers the lab")
	cmd.AddCommand(a.labUpCmd(&opt), a.labPlugCmd(&opt),
		&cobra.Command{Use: "down", Short: "Take the lab down", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return a.labDown(opt) }},
		&cobra.Command{Use: "status", Short: "Show the lab", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return a.labStatus(opt) }},
		a.labExecCmd(&opt))
	return cmd
}

func (a *app) labUpCmd(opt *labOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "up [-f FILE | --hosts N]",
		Short: "Make hosts and endpoints, and point the hosts at weftd",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.labUp(cmd.Context(), *opt) },
	}
	f := cmd.Flags()
	f.StringVarP(&opt.file, "file", "f", "", "`file` that lists hosts and endpoints (YAML)")
	f.IntVar(&opt.hosts, "hosts", 3, "without a file: this `many` hosts, h1, h2 …")
	f.StringVar(&opt.manager, "manager", "tcp:"+netlab.ControllerIPv4+":6640", "what \"ovs-vsctl set-manager\" is given on each host, unless the file says; none: nothing")
	f.DurationVar(&opt.timeout, "timeout", 10*time.Second, "wait at most this long for weftd to make the bridges")
	return cmd
}

func (a *app) labPlugCmd(opt *labOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plug",
		Short: "Plug endpoints that are not plugged yet into their hosts' bridges",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			lab, err := netlab.Open(opt.state, a.log())
			if err != nil {
				return err
			}
			return a.labPlug(cmd.Context(), lab, *opt)
		},
	}
	cmd.Flags().DurationVar(&opt.timeout, "timeout", 10*time.Second, "wait at most this long for weftd to make the bridges")
	return cmd
}

func (a *app) labExecCmd(opt *labOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec NAME COMMAND…",
		Short: "Run a command on a host or an endpoint of the lab",
		Long: `Run a command on a host or an endpoint of the lab, or on "core" or "controller". On a host, the programs of Open vSwitch speak
to that host's daemons. The exit status is the command's.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.labExec(cmd.Context(), *opt, args) },
	}
	cmd.Flags().SetInterspersed(false) // the command's flags are its own
	return cmd
}

// log is where a lab reports what went wrong on its way.
func (a *app) log() logrus.FieldLogger {
	l := logrus.New()
	l.SetOutput(a.err)
	l.SetLevel(logrus.WarnLevel)
	return l
}

func (a *app) labUp(ctx context.Context, opt labOptions) error {
	spec, err := labSpec(opt)
	if err != nil {
		return err
	}
	lab, err := netlab.Up(ctx, spec, opt.state, a.log())
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "lab up: %s, %s\n", count(len(lab.Hosts()), "host"), count(len(lab.Endpoints()), "endpoint"))
	return a.labPlug(ctx, lab, opt)
}

// labSpec is the lab that the flags describe.
func labSpec(opt labOptions) (netlab.Spec, error) {
	spec := netlab.Spec{Name: "weft", Controller: netlab.PlaceRoot}
	if opt.file != "" {
		text, err := os.ReadFile(opt.file)
		if err != nil {
			return spec, pathError(err)
		}
		if spec, err = netlab.ParseSpec(text); err != nil {
			return spec, fmt.Errorf("%s: %w", opt.file, err)
		}
	} else {
		if opt.hosts < 1 || opt.hosts > 50 {
			return spec, usagef("--hosts must be 1 to 50, not %d", opt.hosts)
		}
		for i := range opt.hosts {
			spec.Hosts = append(spec.Hosts, netlab.HostSpec{Name: fmt.Sprintf("h%d", i+1)})
		}
	}
	if spec.Manager == "" && opt.manager != "none" {
		spec.Manager = opt.manager
	}
	return spec, nil
}

// labPlug plugs what can be plugged. That weftd has not made the bridges yet is no failure of the lab.
func (a *app) labPlug(ctx context.Context, lab *netlab.Lab, opt labOptions) error {
	if len(lab.Endpoints()) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, opt.timeout)
	defer cancel()
	err := lab.Plug(limited)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(a.err, "the hosts have no bridge yet, so the endpoints are not plugged: start weftd so that it listens on %s, then run \"weft lab plug\"\n", strings.TrimPrefix(opt.manager, "tcp:"))
		return nil
	case err != nil:
		return err
	}
	fmt.Fprintln(a.out, "every endpoint is plugged")
	return nil
}

func (a *app) labDown(opt labOptions) error {
	lab, err := netlab.Open(opt.state, a.log())
	if errors.Is(err, netlab.ErrNoLab) {
		fmt.Fprintln(a.out, "no lab is up")
		return nil
	}
	if err != nil {
		return err
	}
	if err := lab.Down(); err != nil {
		return err
	}
	fmt.Fprintln(a.out, "lab down")
	return nil
}

func (a *app) labStatus(opt labOptions) error {
	lab, err := netlab.Open(opt.state, a.log())
	if err != nil {
		return err
	}
	st := lab.Describe()
	if err := writeTable(a.out, []column[netlab.HostStatus]{
		{"HOST", left, func(h netlab.HostStatus) string { return h.Name }},
		{"TUNNEL IP", left, func(h netlab.HostStatus) string { return h.TunnelIP }},
		{"OVSDB-SERVER", left, func(h netlab.HostStatus) string { return runs(h.OVSDB) }},
		{"OVS-VSWITCHD", left, func(h netlab.HostStatus) string { return runs(h.Vswitchd) }},
	}, st.Hosts); err != nil || len(st.Endpoints) == 0 {
		return err
	}
	fmt.Fprintln(a.out)
	return writeTable(a.out, []column[netlab.EndpointStatus]{
		{"ENDPOINT", left, func(e netlab.EndpointStatus) string { return e.Name }},
		{"HOST", left, func(e netlab.EndpointStatus) string { return e.Host }},
		{"IFACE-ID", left, func(e netlab.EndpointStatus) string { return e.IfaceID }},
		{"MAC", left, func(e netlab.EndpointStatus) string { return e.MAC }},
		{"ADDRESSES", left, func(e netlab.EndpointStatus) string { return strings.Join(e.Addresses, ",") }},
		{"PLUGGED", left, func(e netlab.EndpointStatus) string { return map[bool]string{true: "yes", false: "no"}[e.Plugged] }},
	}, st.Endpoints)
}

func runs(yes bool) string {
	if yes {
		return "runs"
	}
	return "stopped"
}

// exitError is the exit status of a command that was run for the user and has spoken for itself.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func (a *app) labExec(ctx context.Context, opt labOptions, args []string) error {
	lab, err := netlab.Open(opt.state, a.log())
	if err != nil {
		return err
	}
	place, ok := lab.Namespace(args[0])
	if !ok {
		return usagef("the lab has no %q; it has %s", args[0], strings.Join(places(lab), ", "))
	}
	cmd := place.CommandContext(ctx, args[1], args[2:]...)
	if host, ok := lab.Host(args[0]); ok {
		cmd.Env = append(os.Environ(), host.Env()...)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.in, a.out, a.err
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return exitError(exit.ExitCode())
	}
	return err
}

func places(lab *netlab.Lab) []string {
	var out []string
	for _, h := range lab.Hosts() {
		out = append(out, h.Name())
	}
	for _, e := range lab.Endpoints() {
		out = append(out, e.Name())
	}
	slices.Sort(out)
	return out
}
