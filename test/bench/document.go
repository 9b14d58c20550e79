package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

const intro = `# Benchmarks

Written by ` + "`make bench`" + `; do not edit. A figure is a median; the quartiles beside it show the machine's noise. A peer is measured
in the same run, in turn with ours, and a ratio is ours divided by the peer's; of throughput, the median of the pairs' ratios. Targets are those that the project set itself; a
missed one is shown and fails nothing. ` + "`make bench ONLY=carry DOC=1`" + ` measures one part and puts it in the place of its former figures.

`

const shapes = `## What is measured

- **of.encode, of.decode**: one flow-mod of a flow as the ` + "`l2`" + ` app makes it, from its canonical form into a buffer; one entry of a flow
  reply, from the message to a copied flow. ` + "`_allocs`" + ` counts heap allocations.
- **of.bundle**: a bundle of that many flows into a bridge, from the call to the switch's word that it has committed.
- **of.push100k**: 100,000 flows in one bundle into an empty bridge of a real ovs-vswitchd, over the same kind of unix socket that
  ovs-ofctl uses. The peer reads the same flows from a file: its parsing is part of its time, our compilation is not part of ours.
- **of.resync100k**: a new connection to a switch that has the 100,000 flows: handshake, flow monitor, dump, comparison, until the
  target says that it is realised. With ` + "`_1pct`" + `, 1,000 flows were changed or removed meanwhile; just those are written.
- **store**: one transaction of the embedded store, compare-and-swap included, beside a bare 4 KiB write and fdatasync on the same disk.
- **ctl.port_add**: weftd as a process, its embedded store on disk, gRPC; one port whose interface is plugged is applied, then Wait
  returns: every connected host has confirmed. *spread*: networks of 50 ports, one on each of 2 hosts, the rest on 50 other hosts that
  are known and not connected. *local*: the same networks, all ports on the 2 hosts. The hosts run ovs-vswitchd with
  ` + "`--enable-dummy=override`" + `. ` + "`k5000`" + ` is how many ports there are already. ` + "`apply`" + ` and ` + "`wait`" + ` are the two calls.
- **ctl.bulk5000**: networks, subnets and 5,000 ports in one Apply, until Wait returns; interfaces are plugged. ` + "`_cpu_s`" + ` is what weftd,
  or both ovs-vswitchd, used of the processors. Open vSwitch takes 50 messages a connection in each turn of its main loop, and with
  2,500 interfaces a turn takes milliseconds (` + "`of.bundle.ifaces2500`" + `): that, times flows, is the local shape.
- **sim**: 100 and 1,000 simulated hosts in a process of their own, on the same processors, each with 20 ports whose networks span 50
  hosts. *start*: weftd has the networks and ports in its store and the hosts are empty; until every host is connected, has its bridge,
  its interfaces and its flows, and a change after that is realised everywhere. *restart*: weftd alone was restarted.

- **carry**: packets of an endpoint to one on the other of two hosts, over a network of each type; *local*: on the same host. The
  peer is a bridge of the same ovs-vswitchd with one flow, ` + "`actions=normal`" + `, and the same encapsulation, in turn. ` + "`tcp_mbps`" + ` is
  iperf3 over TCP with packets of 1,400 bytes, ` + "`kpps`" + ` datagrams of 64 bytes that arrive while as many are sent as the sender can.
  ` + "`_passes`" + ` is how often a packet goes through the datapath's tables on a host: taking off a tunnel header costs a second time.
- **routing.data**: packets by way of a router, and translated at its gateway, in turn with those of plain Open vSwitch, which does not
  route: two ports of a bridge (*local*), a bridge with a VXLAN port on each of two hosts (*across*), a patch port to the provider
  bridge (*snat*, *float*: with a station on the wire). *hairpin*: an endpoint to its own floating IP. ` + "`rtt_us`" + ` is the median of 200
  echoes, ` + "`conn_per_s`" + ` 3,000 TCP connections, eight at a time, each of which is reset when a byte of the server's has come. A
  routed packet may take as many passes as a bridged one, a translated one 1 more, one that turns 2 more.
- **routing.control**: weftd, and 50 simulated hosts with 100 endpoints each in a process of their own, on the same processors; networks of
  50 endpoints, one on each host, ten to a router with a gateway. ` + "`dhcp`" + `: all 5,000 endpoints ask at once; an exchange is
  DHCPDISCOVER, DHCPOFFER, DHCPREQUEST and DHCPACK, through the hosts' flows both ways. ` + "`float_add`" + `: a floating IP for one of the
  ports, until all hosts have confirmed.
- **security.spread, security.local**: the shapes of ` + "`ctl`" + `, ten networks to a router, whose 500 ports are in one security group that lets
  its members in. ` + "`bulk_s`" + `: all of it in one Apply, until Wait returns; ` + "`rule_ms`" + `: one rule more or less for a group of 500 ports;
  ` + "`join_ms`" + `: one port more in such a group.
- **security.data**: packets between ports in a security group, in turn with plain Open vSwitch, and (*groups*) with ports that have none.
  Each may take one pass more than a packet that nobody judges.

OVN on a machine of this size, for comparison (measured elsewhere, not in this run): one port added with 100, 1,000 and 5,000 ports
there, spread: Debian's 23.03 40, 273 and 1,001 ms, 26.03 36, 147 and 296 ms; local at 5,000: 1,840 and 969 ms. 5,000 ports in bulk,
spread: 14.8 s and 14.5 s; local: 84 s and 71 s. A floating IP with 5,000 ports there: 609 and 107 ms. With
every port in a default group per router: 148,000 and 171,500 flows a host spread, 244,500 and 263,000 local; one port joining a group of
500: 1,001 and 296 ms; 105,000 packets/s and 9,807 connections/s on one host, 50,000 and 5,334 across.

`

// writeDocument writes docs/benchmarks.md; after a run of a part, that part of it.
func writeDocument(path string, b *bench) error {
	if b.only != "" {
		return mergeDocument(path, b)
	}
	var w strings.Builder
	w.WriteString(intro)
	fmt.Fprintf(&w, "Machine: %s.\n\n", machine())
	if b.partial {
		w.WriteString("This run was not complete: a part of it failed or was interrupted, and its figures are missing.\n\n")
	}
	writeMarkdown(&w, b.results)
	w.WriteString(shapes)
	if text := milliseconds(b); text != "" {
		fmt.Fprintf(&w, "## Where our milliseconds go\n\n%s\n", text)
	}
	for _, n := range b.notes {
		fmt.Fprintf(&w, "## %s\n\n```\n%s\n```\n\n", n.title, strings.TrimSpace(n.text))
	}
	return os.WriteFile(path, []byte(strings.TrimRight(w.String(), "\n")+"\n"), 0o644)
}

// mergeDocument puts the results of a part into the table of a document that there is already.
func mergeDocument(path string, b *bench) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("results of %s: %w", b.only, err)
	}
	var mine strings.Builder
	for _, r := range b.results {
		mine.WriteString(row(r))
	}
	var w strings.Builder
	last := 0 // end of the table
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "| `"); ok && strings.HasPrefix(name, b.only) {
			w.WriteString(mine.String())
			mine.Reset()
			continue
		}
		w.WriteString(line)
		if strings.HasPrefix(line, "|") {
			last = w.Len()
		}
	}
	out := w.String()
	out = out[:last] + mine.String() + out[last:] // new to the document
	return os.WriteFile(path, []byte(out), 0o644)
}

// milliseconds is the way of one added port at 5,000, beside what the disk and the switch take of it.
func milliseconds(b *bench) string {
	var w strings.Builder
	for _, shape := range []string{"spread", "local"} {
		name := "ctl.port_add." + shape + ".k5000"
		total, ok := b.find(name + "_ms")
		if !ok {
			continue
		}
		apply, _ := b.find(name + ".apply_ms")
		wait, _ := b.find(name + ".wait_ms")
		fmt.Fprintf(&w, "- One port added, %s, 5,000 there: %s ms. Apply (gRPC, validation, store) %s ms, then Wait (tables, rules, bundle, the switches' word) %s ms.\n",
			shape, number(total.Value), number(apply.Value), number(wait.Value))
	}
	for _, floor := range []struct{ name, what string }{
		{"store.fdatasync_us", "4 KiB written and on disk"}, {"store.txn_us", "a transaction of the embedded store"},
		{"of.bundle.n1_ms", "a bundle of 1 flow"}, {"of.bundle.n100_ms", "a bundle of 100 flows"}, {"of.bundle.n1000_ms", "a bundle of 1,000 flows"},
		{"of.bundle.ifaces2500.n1_ms", "a bundle of 1 flow, 2,500 interfaces on the switch"},
		{"of.bundle.ifaces2500.n100_ms", "a bundle of 100 flows, 2,500 interfaces on the switch"},
	} {
		if r, ok := b.find(floor.name); ok {
			fmt.Fprintf(&w, "- Of that nobody saves: %s: %s %s.\n", floor.what, number(r.Value), r.Unit)
		}
	}
	return w.String()
}

// machine describes where and with what this runs.
func machine() string {
	parts := []string{
		fmt.Sprintf("%d processors (%s)", runtime.NumCPU(), field("/proc/cpuinfo", "model name")),
		field("/proc/meminfo", "MemTotal") + " memory",
		"Linux " + first(read("/proc/sys/kernel/osrelease")),
		runtime.Version(),
		first(output("ovs-vswitchd", "--version")),
	}
	return strings.Join(parts, ", ")
}

func first(text string) string {
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return text
}

func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return string(text)
}

// field is the value of a "name : value" line of a file.
func field(path, name string) string {
	for l := range strings.SplitSeq(read(path), "\n") {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func output(name string, args ...string) string {
	text, err := exec.Command(name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return string(text)
}
