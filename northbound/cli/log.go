package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// logOptions are the flags of log.
type logOptions struct {
	scope    scope
	verdicts []string
	output   string
}

func (a *app) logCmd() *cobra.Command {
	var opt logOptions
	cmd := &cobra.Command{
		Use:   "log [KIND/PROJECT/NAME…]",
		Short: "Show what rules with a log decide, as it happens",
		Long: `Show what rules with a log decide, as it happens, until interrupted: when, the host, the port, the direction, the
verdict, the rule, the packet. Names of ports, security groups and policies narrow it to these.

What is told of depends on log in the specs of security groups, of policies and of their rules. Where more packets come
than there is room for, their number is shown instead.`,
		Example: "  weft log -p red\n  weft log port/red/vm1 --verdict drop,reject -o json",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.follow(cmd.Context(), args, opt) },
	}
	f := cmd.Flags()
	f.StringVarP(&opt.scope.project, "project", "p", env("WEFT_PROJECT", ""), "the `project` of the ports")
	f.BoolVarP(&opt.scope.all, "all-projects", "A", false, "all projects, whatever WEFT_PROJECT says")
	f.StringSliceVar(&opt.verdicts, "verdict", nil, "only these `verdicts`: accept, drop, reject, pass")
	f.StringVarP(&opt.output, "output", "o", "table", "`form`: table, or json (an object a line)")
	return cmd
}

func (a *app) follow(ctx context.Context, args []string, opt logOptions) error {
	if opt.output != "table" && opt.output != "json" {
		return usagef("-o must be table or json, not %q", opt.output)
	}
	filter := &weftv1.LogFilter{Verdicts: opt.verdicts}
	if len(args) == 0 && !opt.scope.all {
		filter.Project = opt.scope.project
	}
	var err error
	if filter.Refs, err = opt.scope.keys(args); err != nil {
		return err
	}
	return a.withClient(ctx, func(c *client.Client) error {
		for heard, err := range c.Log(ctx, client.LogOptions{Filter: filter,
			OnRetry: func(err error) { fmt.Fprintf(a.err, "weft: %v; trying again\n", retryReason(err)) }}) {
			if err != nil {
				return err
			}
			if heard.Lost > 0 {
				fmt.Fprintf(a.err, "weft: %d entries came too fast for this client\n", heard.Lost)
			}
			for _, e := range heard.Entries {
				if err := a.printEntry(e, opt.output); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (a *app) printEntry(e *weftv1.LogEntry, output string) error {
	if output == "json" {
		line, err := protojson.Marshal(e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s\n", line)
		return err
	}
	_, err := fmt.Fprintln(a.out, entryText(e))
	return err
}

// entryText is an entry of the log in a line.
func entryText(e *weftv1.LogEntry) string {
	head := fmt.Sprintf("%s  %s  %s/%s", e.GetTime().AsTime().Local().Format(time.StampMilli), e.GetHost(), e.GetPort().GetProject(), e.GetPort().GetName())
	if n := e.GetSuppressed(); n > 0 {
		return fmt.Sprintf("%s  %d more packets, which came too fast", head, n)
	}
	verdict := e.GetVerdict()
	if e.GetMode() == "shadow" {
		verdict = "shadow " + verdict
	}
	by := fmt.Sprintf("%s/%s/%s", strings.ToLower(e.GetList().GetKind()), e.GetList().GetProject(), e.GetList().GetName())
	if e.GetRule() != "" {
		by += " " + e.GetRule()
	}
	return fmt.Sprintf("%s  %-7s  %-6s  %s  %s", head, e.GetDirection(), verdict, by, packetText(e.GetPacket()))
}

// protocolNames are those of protocols that have ports or types.
var protocolNames = map[uint32]string{1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 58: "ipv6-icmp", 132: "sctp"}

// packetText is a packet in words: "tcp 10.0.0.11:40312 → 10.0.0.12:80 syn, 60 bytes".
func packetText(p *weftv1.PacketSummary) string {
	name, ok := protocolNames[p.GetProtocol()]
	if !ok {
		name = fmt.Sprintf("protocol %d", p.GetProtocol())
	}
	end := func(ip string, port uint32) string {
		switch {
		case port == 0:
			return ip
		case strings.Contains(ip, ":"):
			return fmt.Sprintf("[%s]:%d", ip, port)
		}
		return fmt.Sprintf("%s:%d", ip, port)
	}
	text := fmt.Sprintf("%s %s → %s", name, end(p.GetSrc(), p.GetSrcPort()), end(p.GetDst(), p.GetDstPort()))
	if p.IcmpType != nil {
		text += fmt.Sprintf(" type %d code %d", p.GetIcmpType(), p.GetIcmpCode())
	}
	if p.GetTcpFlags() != "" {
		text += " " + p.GetTcpFlags()
	}
	if p.GetFragment() {
		text += " fragment"
	}
	return fmt.Sprintf("%s, %d bytes", text, p.GetLength())
}
