// Command go-client shows Weft's Go client: it applies a network with two ports, waits until the switches have it, lists
// the ports, watches one of them being deleted, and cleans up. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

func main() {
	server := flag.String("server", client.DefaultAddress, "address of weftd")
	flag.Parse()
	if err := run(context.Background(), *server, os.Stdout); err != nil {
		for _, v := range client.Violations(err) {
			fmt.Fprintln(os.Stderr, v)
		}
		fmt.Fprintln(os.Stderr, "go-client:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, server string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{Address: server})
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // the program ends

	applied, err := c.Apply(ctx, []*weftv1.Resource{
		network("demo", "net"),
		subnet("demo", "net-v4", "net", "10.1.0.0/24"),
		port("demo", "vm1", "net", "10.1.0.11"),
		port("demo", "vm2", "net", "10.1.0.12"),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "applied %d resources\n", len(applied.GetResults()))

	progress, err := c.Wait(ctx, client.WaitOptions{Revision: applied.GetRevision()})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "realised: %v\n", progress.GetRealised())

	ports := &weftv1.Filter{Kinds: []string{"Port"}, Project: "demo", Fields: []string{"spec.network=net"}}
	for p, err := range c.List(ctx, ports) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "port %s has %s\n", p.GetName(), p.GetStatus().GetPort().GetFixedIps()[0].GetIp())
	}

	if _, err := c.Delete(ctx, []*weftv1.ResourceRef{{Kind: "Port", Project: "demo", Name: "vm2"}}, client.DeleteOptions{}); err != nil {
		return err
	}
	// A watch from a revision misses nothing, even what happened before it began.
	if err := untilDeleted(ctx, c, out, ports, applied.GetRevision()+1); err != nil {
		return err
	}

	_, err = c.Delete(ctx, []*weftv1.ResourceRef{{Kind: "Project", Name: "demo"}}, client.DeleteOptions{Cascade: true})
	if err == nil {
		fmt.Fprintln(out, "cleaned up")
	}
	return err
}

// untilDeleted prints what happens until something is deleted.
func untilDeleted(ctx context.Context, c *client.Client, out io.Writer, filter *weftv1.Filter, from int64) error {
	for change, err := range c.Watch(ctx, client.WatchOptions{Filter: filter, From: from}) {
		if err != nil {
			return err
		}
		for _, e := range change.Events {
			if e.GetType() == weftv1.Event_TYPE_DELETE {
				fmt.Fprintf(out, "port %s was deleted\n", e.GetResource().GetName())
				return nil
			}
		}
	}
	return errors.Join(errors.New("nothing was deleted"), ctx.Err())
}

func network(project, name string) *weftv1.Resource {
	return &weftv1.Resource{Kind: "Network", Project: project, Name: name,
		Spec: &weftv1.Resource_NetworkSpec{NetworkSpec: &weftv1.NetworkSpec{}}}
}

func subnet(project, name, network, cidr string) *weftv1.Resource {
	return &weftv1.Resource{Kind: "Subnet", Project: project, Name: name,
		Spec: &weftv1.Resource_SubnetSpec{SubnetSpec: &weftv1.SubnetSpec{Network: network, Cidr: cidr}}}
}

func port(project, name, network, ip string) *weftv1.Resource {
	return &weftv1.Resource{Kind: "Port", Project: project, Name: name,
		Spec: &weftv1.Resource_PortSpec{PortSpec: &weftv1.PortSpec{Network: network, FixedIps: []*weftv1.FixedIP{{Ip: ip}}}}}
}
