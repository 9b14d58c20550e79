package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func (a *app) describeCmd() *cobra.Command {
	var s scope
	cmd := &cobra.Command{
		Use:     "describe KIND NAME… | KIND/PROJECT/NAME…",
		Short:   "Show all about resources: what is wanted, what is, and what is in the way",
		Example: "  weft describe port/red/vm1",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.describe(cmd.Context(), args, &s) },
	}
	cmd.ValidArgsFunction = a.complete(&s)
	s.flags(cmd)
	return cmd
}

func (a *app) describe(ctx context.Context, args []string, s *scope) error {
	sel, err := s.selection(args)
	if err != nil {
		return err
	}
	return a.withClient(ctx, func(c *client.Client) error {
		found, err := fetch(ctx, c, sel, s)
		if err != nil {
			return err
		}
		for i, r := range found {
			if i > 0 {
				fmt.Fprintln(a.out)
			}
			users, err := users(ctx, c, r)
			if err != nil {
				return err
			}
			if err := a.describeOne(r, users); err != nil {
				return err
			}
		}
		return nil
	})
}

// users are the resources of the project that are on a network, or the ports that have a security group.
func users(ctx context.Context, c *client.Client, r *weftv1.Resource) ([]*weftv1.Resource, error) {
	filter := &weftv1.Filter{Project: r.GetProject()}
	switch {
	case r.GetNetworkSpec() != nil:
		filter.Kinds, filter.Fields = []string{"Subnet", "Port"}, []string{"spec.network=" + r.GetName()}
	case r.GetSecurityGroupSpec() != nil:
		filter.Kinds, filter.Fields = []string{"Port"}, []string{"status.port.securityGroups=" + r.GetName()}
	default:
		return nil, nil
	}
	found, _, err := c.ListAll(ctx, filter)
	return found, err
}

// describeOne prints the reasons first, as they are what one looks for, and then the whole resource.
func (a *app) describeOne(r *weftv1.Resource, users []*weftv1.Resource) error {
	fmt.Fprintf(a.out, "%s is %s\n", manifest.KeyOf(r), state(r))
	for _, c := range r.GetStatus().GetConditions() {
		host := ""
		if c.GetHost() != "" {
			host = " on " + c.GetHost()
		}
		fmt.Fprintf(a.out, "  %s%s: %s\n", c.GetType(), host, c.GetMessage())
	}
	if e := r.GetStatus().GetLastError(); e != "" {
		fmt.Fprintf(a.out, "  last error: %s\n", e)
	}
	fmt.Fprintln(a.out)
	if err := manifest.WriteYAML(indented(a.out), r); err != nil {
		return err
	}
	if err := writeFirewallRules(a.out, r); err != nil {
		return err
	}
	if err := writeRules(a.out, r); err != nil {
		return err
	}
	writeMembers(a.out, r)
	if len(users) > 0 {
		fmt.Fprintln(a.out, "\nused by")
		for _, u := range users {
			fmt.Fprintf(a.out, "  %s  %s\n", manifest.KeyOf(u), summary(u))
		}
	}
	return nil
}

// state is "active, realised on h1, h2; not yet on h3".
func state(r *weftv1.Resource) string {
	word := phase(r)
	switch word {
	case "-":
		word = "there"
	case "build":
		word = "being built"
	case "error":
		word = "in error"
	}
	realised := r.GetStatus().GetRealisedHosts()
	done := map[string]bool{}
	for _, h := range realised {
		done[h] = true
	}
	var missing []string
	for _, h := range r.GetStatus().GetHosts() {
		if !done[h] {
			missing = append(missing, h)
		}
	}
	if len(realised) > 0 {
		word += ", realised on " + strings.Join(realised, ", ")
	}
	if len(missing) > 0 {
		word += "; not yet on " + strings.Join(missing, ", ")
	}
	return word
}

// indented is a writer that indents every line by two spaces.
func indented(w io.Writer) io.Writer { return &indenter{w: w, start: true} }

type indenter struct {
	w     io.Writer
	start bool
}

func (i *indenter) Write(p []byte) (int, error) {
	for line := range strings.SplitAfterSeq(string(p), "\n") {
		if line == "" {
			continue
		}
		if i.start {
			line = "  " + line
		}
		i.start = strings.HasSuffix(line, "\n")
		if _, err := io.WriteString(i.w, line); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}
