package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weft-sdn/weft/test/netlab"
)

func (d *demo) matrix(context.Context) error {
	d.heading("Who reaches whom")
	d.say("Every machine pings every other one. A ping counts when the machine that was meant has seen the request and the sender got\n" +
		"the answer; where it must not arrive, it is repeated for half a second and looked for. As 10.0.0.12 is the address of red's\n" +
		"vm2 and of blue's, the same ping reaches a different machine depending on who sends it.\n")
	all := d.machines()
	var probes []netlab.Probe
	expect := func(from, to *netlab.Endpoint) netlab.Reach {
		if tenant(from) == tenant(to) {
			return netlab.Reaches
		}
		return netlab.Unreached
	}
	for _, p := range netlab.AllPairs(all, expect) {
		v6 := p
		v6.Addr = p.To.IPv6()
		probes = append(probes, p, v6)
	}
	start := time.Now()
	table, err := d.lab.Matrix(probes, netlab.MatrixOptions{})
	if err != nil {
		return err
	}
	d.grid(all, table)
	for _, r := range table {
		d.check(r.OK(), fmt.Sprintf("%s to %s at %s: expected %s, actual %s", r.From.Name(), r.To.Name(), r.Addr, r.Expect, r.Actual))
	}
	if err := table.Err(); err != nil {
		d.say("\n%v", err)
	}
	d.say("\n%d probes in %s: %s", len(table), span(time.Since(start)), d.mark(table.Err() == nil))
	return nil
}

// grid prints expected and actual side by side; a cell speaks of IPv4 and IPv6 together.
func (d *demo) grid(all []*netlab.Endpoint, table netlab.Table) {
	const from, column = 10, 10
	head := strings.Repeat(" ", from)
	for _, e := range all {
		head += fmt.Sprintf("%-*s", column, e.Name())
	}
	for _, side := range []string{"expected", "actual"} {
		d.say("%s", strings.TrimRight(d.paint(bold, fmt.Sprintf("%-*s", from, side))+head[from:], " "))
		for _, a := range all {
			line := fmt.Sprintf("%-*s", from, a.Name())
			for _, b := range all {
				line += d.cell(side, a, b, table, column)
			}
			d.say("%s", strings.TrimRight(line, " "))
		}
		if side == "expected" {
			d.say("")
		}
	}
}

// cell is "reaches" or "-", or a word in capitals where the truth differs from what should be.
func (d *demo) cell(side string, from, to *netlab.Endpoint, table netlab.Table, width int) string {
	if from == to {
		return fmt.Sprintf("%-*s", width, "")
	}
	word, colour := "-", dim
	for _, r := range table {
		if r.From != from || r.To != to {
			continue
		}
		reach := r.Actual
		if side == "expected" {
			reach = r.Expect
		}
		if reach == netlab.Reaches {
			word, colour = "reaches", green
		}
		if side == "actual" && !r.OK() {
			return d.paint(red, fmt.Sprintf("%-*s", width, strings.ToUpper(string(r.Actual))))
		}
	}
	return d.paint(colour, fmt.Sprintf("%-*s", width, word))
}
