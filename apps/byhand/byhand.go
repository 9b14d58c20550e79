// Package byhand has switches do what people wrote: flows, groups and meters as text (FlowRule).
package byhand

import (
	"strings"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

const id = 26 // of the app

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: pipeline.ByHand, ID: id, Rules: []compile.Rule{
		compile.ForEach("rule", t.FlowRules, a.rule),
	}}
}

// rule has a host do what a text says, which the catalog has found to be right but for the names of ports.
func (a app) rule(r *table.Reader, f intent.FlowRule, out *compile.Out) {
	if !a.takesPart(r, f.Host, out) {
		return
	}
	missing := ""
	words := pipeline.Words(func(name string) (uint32, bool) {
		n, ok := a.port(r, f.Host, name)
		if !ok && missing == "" {
			missing = name
		}
		return n, ok
	})
	var err error
	switch {
	case f.Flow != "":
		var rule flow.Rule
		if rule, err = words.ParseRule(f.Flow); err == nil {
			counter := compile.Counter{Kind: intent.FlowRuleCounter, Subject: f.Key.String()}
			out.Counted(counter, f.Host, rule.Table, rule.Priority, rule.Match, rule.Actions)
		}
	case f.Group != "":
		var g flow.Group
		if g, err = words.ParseGroup(f.Group); err == nil {
			out.Group(f.Host, g)
		}
	default:
		var m flow.Meter
		if m, err = flow.ParseMeterText(f.Meter); err == nil {
			out.Meter(f.Host, m)
		}
	}
	switch {
	case err == nil:
	case missing != "":
		out.Pending("host %s has no port %q", f.Host, missing)
	default:
		out.Failed("%v", err)
	}
}

// takesPart tells whether a host gets flows.
func (a app) takesPart(r *table.Reader, name string, out *compile.Out) bool {
	if s, ok := a.Switches.Get(r, name); ok {
		return s.Up
	}
	h, ok := a.Hosts.Get(r, name)
	if !ok {
		out.Pending("host %s has not connected yet", name)
	}
	return ok && h.Up
}

// port finds a port of a host by the name of its interface or, where it is plugged, as "project/port".
func (a app) port(r *table.Reader, host, name string) (uint32, bool) {
	if p, ok := a.SwitchPorts.Get(r, intent.End{Host: host, Port: name}); ok {
		return p.OFPort, true
	}
	if project, port, ok := strings.Cut(name, "/"); ok {
		b, ok := a.Bindings.Get(r, intent.Key{Kind: intent.KindPort, Project: project, Name: port})
		return b.OFPort, ok && b.Host == host
	}
	i, ok := a.Interfaces.Get(r, intent.InterfaceKey{Host: host, Name: name})
	return i.OFPort, ok && i.OFPort != 0
}
