package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func (a *app) packetCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "packet", Short: "Send packets by way of a switch, and see those that switches hand over", Args: cobra.NoArgs,
		Example: "  weft packet watch h1 -w - | tshark -r -\n  weft packet send h1 --hex ffffffffffff02000000000108060001… --actions output:tap0\n" +
			"  weft packet send h1 -r request.pcap --in-port red/vm1",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.packetSendCmd(), a.packetWatchCmd())
	return cmd
}

func (a *app) packetSendCmd() *cobra.Command {
	var req weftv1.SendPacketRequest
	var digits, file string
	cmd := &cobra.Command{
		Use: "send HOST (--hex FRAME | -r FILE)", Short: "Have a switch send packets", Args: cobra.ExactArgs(1),
		Long: `Have a switch send packets. Without --actions they pass the flow tables, as if they came by --in-port.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Host = args[0]
			frames, err := a.frames(digits, file)
			if err != nil {
				return err
			}
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				for _, frame := range frames {
					req.Frame = frame
					if err := c.SendPacket(cmd.Context(), &req); err != nil {
						return err
					}
				}
				fmt.Fprintf(a.out, "sent %d packets\n", len(frames))
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&digits, "hex", "", "the `frame` in hexadecimal digits, from its Ethernet header on")
	f.StringVarP(&file, "read", "r", "", "send all packets of this `file` (pcap); -: standard input")
	f.StringVar(&req.InPort, "in-port", "", "the `port` that it is taken to have come by, by name or number")
	f.StringVar(&req.Actions, "actions", "", "what is done with it, in ovs-ofctl's syntax: `output:tap0` (default: it passes the flow tables)")
	cmd.MarkFlagsMutuallyExclusive("hex", "read")
	cmd.MarkFlagsOneRequired("hex", "read")
	return cmd
}

// frames are those that are to be sent.
func (a *app) frames(digits, file string) ([][]byte, error) {
	if file == "" {
		frame, err := hex.DecodeString(strings.NewReplacer(" ", "", ":", "").Replace(digits))
		if err != nil {
			return nil, usagef("--hex: %v", err)
		}
		return [][]byte{frame}, nil
	}
	in := a.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // it was only read
		in = f
	}
	r, err := pcapgo.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if r.LinkType() != layers.LinkTypeEthernet {
		return nil, fmt.Errorf("%s: packets are of link type %s; only Ethernet is sent", file, r.LinkType())
	}
	var all [][]byte
	for {
		frame, _, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s, packet %d: %w", file, len(all)+1, err)
		}
		all = append(all, frame)
	}
}

// packetWatch are the flags of packet watch.
type packetWatch struct {
	req   weftv1.WatchPacketsRequest
	file  string
	count int
}

func (a *app) packetWatchCmd() *cobra.Command {
	var opt packetWatch
	cmd := &cobra.Command{
		Use: "watch [HOST]", Short: "Show packets that switches hand to the controller, and that it sends", Args: cobra.MaximumNArgs(1),
		Long: `Show packets that switches hand to the controller, and those that the controller has them send, until interrupted.

To see others, add a flow by hand that hands them over: weft flow add h1 'table=l2,priority=300,icmp actions=controller'.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				opt.req.Host = args[0]
			}
			return a.watchPackets(cmd.Context(), &opt)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&opt.file, "write", "w", "", "write them to this `file` (pcap), and do not show them; -: standard output")
	f.IntVarP(&opt.count, "count", "c", 0, "end after this `many`")
	f.StringVar(&opt.req.InPort, "in-port", "", "only those that came by this `port`, by name or number")
	f.StringVar(&opt.req.App, "app", "", "only those for this `app`, such as dhcp")
	return cmd
}

func (a *app) watchPackets(ctx context.Context, opt *packetWatch) error {
	show := func(p *weftv1.WatchPacketsResponse) error {
		_, err := fmt.Fprintln(a.out, packetLine(p))
		return err
	}
	if opt.file != "" {
		out := a.out
		if opt.file != "-" {
			f, err := os.Create(opt.file)
			if err != nil {
				return err
			}
			defer f.Close() //nolint:errcheck // each packet was written, or said otherwise
			out = f
		}
		w := pcapgo.NewWriterNanos(out)
		if err := w.WriteFileHeader(0xffff, layers.LinkTypeEthernet); err != nil {
			return err
		}
		show = func(p *weftv1.WatchPacketsResponse) error {
			return w.WritePacket(gopacket.CaptureInfo{Timestamp: p.GetTime().AsTime(), CaptureLength: len(p.GetFrame()), Length: int(p.GetLength())}, p.GetFrame())
		}
	}
	return a.withClient(ctx, func(c *client.Client) error {
		n := 0
		for p, err := range c.WatchPackets(ctx, &opt.req) {
			if err != nil {
				return err
			}
			if p.GetMissed() > 0 {
				fmt.Fprintf(a.err, "weft: %d packets were missed\n", p.GetMissed())
			}
			if err := show(p); err != nil {
				return err
			}
			if n++; n == opt.count {
				return nil
			}
		}
		return nil
	})
}

// packetLine is a packet in a line: when, where, which way, and what it is.
func packetLine(p *weftv1.WatchPacketsResponse) string {
	way := "in "
	if p.GetDirection() == weftv1.WatchPacketsResponse_DIRECTION_OUT {
		way = "out"
	}
	words := []string{p.GetTime().AsTime().Local().Format("15:04:05.000000"), p.GetHost(), way}
	if p.GetInPort() != "" {
		words = append(words, "by "+p.GetInPort())
	}
	if p.GetApp() != "" {
		words = append(words, "for "+p.GetApp())
	}
	line := strings.Join(words, " ") + ": " + frameText(p.GetFrame())
	if p.GetActions() != "" {
		line += " → " + p.GetActions()
	}
	return line
}

// frameText says what a frame is: its addresses, and its layers from the outside in.
func frameText(frame []byte) string {
	packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	var kinds []string
	for _, l := range packet.Layers() {
		if t := l.LayerType(); t != layers.LayerTypeEthernet && t != gopacket.LayerTypePayload && t != gopacket.LayerTypeDecodeFailure {
			kinds = append(kinds, t.String())
		}
	}
	text := ""
	if l := packet.LinkLayer(); l != nil {
		text = l.LinkFlow().Src().String() + " > " + l.LinkFlow().Dst().String()
	}
	switch arp, ok := packet.Layer(layers.LayerTypeARP).(*layers.ARP); {
	case ok && arp.Operation == layers.ARPRequest:
		text += fmt.Sprintf(", who has %s, tell %s", address(arp.DstProtAddress), address(arp.SourceProtAddress))
	case ok:
		text += fmt.Sprintf(", %s is at %s", address(arp.SourceProtAddress), text[:min(17, len(text))])
	default:
		if l := packet.NetworkLayer(); l != nil {
			text += ", " + l.NetworkFlow().Src().String() + " > " + l.NetworkFlow().Dst().String()
		}
		if l := packet.TransportLayer(); l != nil {
			text += ", port " + l.TransportFlow().Src().String() + " > " + l.TransportFlow().Dst().String()
		}
	}
	return fmt.Sprintf("%s, %s, %d bytes", text, strings.Join(kinds, "/"), len(frame))
}

func address(b []byte) string {
	parts := make([]string, len(b))
	for i, v := range b {
		parts[i] = fmt.Sprint(v)
	}
	return strings.Join(parts, ".")
}
