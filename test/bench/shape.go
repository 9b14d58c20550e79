package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/weft-sdn/weft/controller/store"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

const (
	project    = "bench"
	perNetwork = 50 // ports of a network
	otherHosts = 50 // of the spread shape: known, not connected
	realHosts  = 2
)

// shape says where ports are.
type shape string

const (
	spread shape = "spread" // of each network one port on each real host, the rest on other hosts
	local  shape = "local"  // all on the real hosts
)

// host is where port i is: a real host (0 or 1), or realHosts and above for others.
func (s shape) host(i int) int {
	member := i % perNetwork
	if s == local || member < realHosts {
		return member % realHosts
	}
	return realHosts + i%otherHosts
}

func networkName(i int) string { return fmt.Sprintf("net%d", i/perNetwork) }
func portName(i int) string    { return fmt.Sprintf("p%d", i) }
func ifaceID(i int) string     { return project + "/" + portName(i) }

// network and its subnet, for ports from i on.
func network(i int) []*weftv1.Resource {
	name := networkName(i)
	return []*weftv1.Resource{
		{Kind: "Network", Project: project, Name: name, Spec: &weftv1.Resource_NetworkSpec{NetworkSpec: &weftv1.NetworkSpec{}}},
		{Kind: "Subnet", Project: project, Name: name + "-v4", Spec: &weftv1.Resource_SubnetSpec{SubnetSpec: &weftv1.SubnetSpec{Network: name, Cidr: "10.0.0.0/16"}}},
	}
}

// port is the i-th port; its addresses are allocated.
func port(i int) *weftv1.Resource {
	return &weftv1.Resource{Kind: "Port", Project: project, Name: portName(i), Spec: &weftv1.Resource_PortSpec{PortSpec: &weftv1.PortSpec{Network: networkName(i)}}}
}

// intended are networks, subnets and ports from first to last-1, with those of the network that first is in.
func intended(first, last int) []*weftv1.Resource {
	var all []*weftv1.Resource
	for i := first; i < last; i++ {
		if i%perNetwork == 0 {
			all = append(all, network(i)...)
		}
		all = append(all, port(i))
	}
	return all
}

// plugged are the iface-ids from first to last-1 that are on a real host.
func (s shape) plugged(first, last, host int) []string {
	var ids []string
	for i := first; i < last; i++ {
		if s.host(i) == host {
			ids = append(ids, ifaceID(i))
		}
	}
	return ids
}

// registered are the other hosts as resources: a host is one when its database has connected for the first time.
func (s shape) registered() []*weftv1.Resource {
	if s == local {
		return nil
	}
	all := make([]*weftv1.Resource, otherHosts)
	for h := range all {
		all[h] = &weftv1.Resource{Kind: "Host", Name: fmt.Sprintf("other%d", h), Spec: &weftv1.Resource_HostSpec{HostSpec: &weftv1.HostSpec{}}}
	}
	return all
}

// remember writes into the store of a weftd that does not run what the other hosts have reported: themselves, and the
// interfaces of the ports from 0 to last-1.
func (s shape) remember(ctx context.Context, dir string, last int) (err error) {
	if s == local {
		return nil
	}
	st, err := store.OpenEmbedded(ctx, store.EmbeddedConfig{Dir: filepath.Join(dir, "data"), Log: quiet().Logger})
	if err != nil {
		return err
	}
	defer closing(st.Close, &err)
	var ops []store.Op
	put := func(key string, value map[string]any) error {
		text, err := json.Marshal(value)
		ops = append(ops, store.Put(key, text))
		return err
	}
	for h := range otherHosts {
		err := put(fmt.Sprintf("o/host/other%d", h), map[string]any{"hostname": fmt.Sprintf("other%d", h), "tunnelIp": fmt.Sprintf("10.99.1.%d", h+1), "ovsVersion": "3.1.0"})
		if err != nil {
			return err
		}
	}
	for i := range last {
		h := s.host(i) - realHosts
		if h < 0 {
			continue
		}
		err := put(fmt.Sprintf("o/if/other%d/d%d", h, i), map[string]any{"ifaceId": ifaceID(i), "ofport": i + 1, "seq": i + 1})
		if err != nil {
			return err
		}
	}
	for len(ops) > 0 {
		n := min(len(ops), 1000)
		if _, err := st.Txn(ctx, nil, ops[:n]); err != nil {
			return err
		}
		ops = ops[n:]
	}
	return nil
}
