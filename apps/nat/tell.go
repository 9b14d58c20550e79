package nat

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/southbound/flow"
)

// tell lets the router's errors out of a host with external addresses: what they quote gets the addresses that it had outside, and
// they come from the gateway's own address, wherever that is. An error that quotes nothing of a connection would tell the address
// inside, and is dropped.
func (o outside) tell(host string, out *compile.Out) {
	for _, at := range o.At {
		is4 := at.IP.Is4()
		match := flow.Match{o.at(), pipeline.Error.Is(1), ethType(is4)}
		there := with(match, o.on())
		out.Flow(host, pipeline.Outward, prioError, match, flow.Actions{
			flow.DecTTL(), pipeline.Net.Set(uint64(o.net.Tag)), flow.Goto(pipeline.Neighbour),
		})
		out.Flow(host, pipeline.Translate, prioError, there, o.track(flow.NATSpec{}, pipeline.Translated))
		own := there
		if _, translates := o.Translates(is4); translates {
			out.Counted(compile.Counter{Kind: Untranslated, Subject: o.Router.String()}, host, pipeline.Translated, prioError, there, nil)
			own = with(there, flow.CTStateIs("+rel+trk"))
		}
		out.Flow(host, pipeline.Translated, prioError+1, own, flow.Actions{flow.SetField(source(at.IP)), flow.Goto(pipeline.Turn)})
	}
}
