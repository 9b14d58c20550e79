// Command notelnet is weftd with an app more: no port may send to TCP port 23.
package main

import (
	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/controller/weft"
	"github.com/weft-sdn/weft/southbound/flow"
)

const (
	ethIPv4, ethIPv6 = 0x0800, 0x86dd
	protoTCP         = 6
	telnet           = 23
)

func main() {
	weft.Main(weft.App{Name: "notelnet", ID: 200, New: build})
}

// app has the number of its table.
type app struct{ gate uint8 }

// build gives the app a table before port security's verdict goes on, and a rule that is called for every port that is plugged in.
func build(s *apps.Site) compile.App {
	a := app{gate: s.Table("gate", "Drops telnet.", pipeline.BeforeSent)}
	return compile.App{Rules: []compile.Rule{compile.About("drop", s.Bindings, intent.Key.String, a.drop)}}
}

// drop drops what a port sends to telnet. All else goes on by itself.
func (a app) drop(_ *table.Reader, b intent.Binding, out *compile.Out) {
	for _, typ := range []uint32{ethIPv4, ethIPv6} {
		out.Flow(b.Host, a.gate, 100, flow.Match{
			flow.U32(flow.InPort, b.OFPort), flow.U32(flow.EthType, typ), flow.U32(flow.IPProto, protoTCP), flow.U32(flow.TCPDst, telnet),
		}, nil)
	}
}
