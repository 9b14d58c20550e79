package balancer

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/southbound/flow"
)

// tally counts what each member of a listener gets from clients, and answers them: connections carry its number.
func (a app) tally(r *table.Reader, l intent.PoolListener, out *compile.Out) {
	v, ok := a.vip(r, l.Balancer)
	if !ok || !v.Up {
		return
	}
	pool, _ := a.Pools.Get(r, l.Pool)
	hosts, gateways := a.hosts(r, l.Balancer), a.gateways(r, l.Balancer)
	for _, is4 := range []bool{true, false} {
		if _, has := v.of(is4); !has {
			continue
		}
		for _, m := range a.fit(r, v, pool, is4) {
			subject := Serving(l.Key, m.Name)
			serving := pipeline.LabelServing.Is(number(l, m))
			tracked := state(ctTracked, ctInvalid)
			for _, host := range hosts {
				count := func(kind string, table uint8, match flow.Match, do flow.Actions) {
					out.Counted(compile.Counter{Kind: kind, Subject: subject}, host, table, prioOne, match, do)
				}
				count(Given, pipeline.Tally, flow.Match{pipeline.Given.Is(1), tracked, serving}, flow.Actions{flow.Goto(pipeline.Hairpin)})
				count(Received, pipeline.Tally, flow.Match{pipeline.Given.Is(0), tracked, serving}, flow.Actions{flow.Goto(pipeline.Hairpin)})
				count(Answered, pipeline.AnswerTally, flow.Match{tracked, serving}, flow.Actions{flow.Goto(pipeline.Answered)})
			}
			for _, host := range gateways {
				out.Counted(compile.Counter{Kind: Answered, Subject: subject}, host, pipeline.Translate, prioTally,
					flow.Match{flow.Join(pipeline.LookedUp.Is(1), pipeline.Counted.Is(0)), tracked, serving},
					flow.Actions{pipeline.Counted.Set(1), flow.Resubmit(pipeline.Translate)})
			}
		}
	}
}

// gateways are the hosts by which a load balancer's clients outside reach it.
func (a app) gateways(r *table.Reader, balancer intent.Key) []string {
	var hosts []string
	for c := range a.ClientsOf.List(r, balancer) {
		if _, host, ok := a.gateway(r, c); ok {
			hosts = append(hosts, host)
		}
	}
	return distinct(hosts)
}

// gateway returns the router by whose gateway a network is reached, and the host that has it; false where it is not reached so.
func (a app) gateway(r *table.Reader, c intent.ClientNetwork) (intent.Router, string, bool) {
	g, ok := a.Gateways.Get(r, c.Router)
	if !ok || g.Network != c.Network {
		return intent.Router{}, "", false
	}
	p, ok := a.Placed.Get(r, c.Router)
	router, known := a.Routers.Get(r, c.Router)
	return router, p.Host, ok && known
}
