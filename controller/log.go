package controller

import (
	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/journal"
	"github.com/weft-sdn/weft/controller/punt"
	"github.com/weft-sdn/weft/controller/table"
	"github.com/weft-sdn/weft/northbound/api"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// logged takes a packet that the log is told of.
func (c *core) logged(p *punt.Packet) {
	s := journal.Sighting{At: p.At, Host: p.Host, Port: p.InPort, Egress: true, Number: p.Register(pipeline.Entry), Head: p.Data}
	if p.Register(pipeline.AtReceiver) == 1 {
		s.Port, s.Egress = uint32(p.Register(pipeline.OutPort)), false
	}
	c.journal.Offer(s)
}

// Listen returns what the log is told from now on, as far as it is wanted.
func (c *core) Listen(wanted func(*weftv1.LogEntry) bool) api.Listener {
	return c.journal.Listen(wanted)
}

// book says what the log's numbers stand for, by the rows.
type book struct{ c *core }

// Logged implements journal.Book.
func (b book) Logged(number uint64) (intent.Logged, bool) {
	b.c.world.mu.RLock()
	defer b.c.world.mu.RUnlock()
	return b.c.world.tables.Logged.Peek(number)
}

// PortAt implements journal.Book.
func (b book) PortAt(host string, ofport uint32) (intent.Key, bool) {
	b.c.world.mu.RLock()
	defer b.c.world.mu.RUnlock()
	var r table.Reader // what is read here is nobody's to remember
	for p := range b.c.world.tables.BoundAt.List(&r, intent.Place{Host: host, OFPort: ofport}) {
		return p.Port, true
	}
	return intent.Key{}, false
}

// Due implements journal.Book.
func (b book) Due() map[journal.Place]uint64 {
	due := map[journal.Place]uint64{}
	for host, of := range b.c.board.News(intent.LoggedCounter) {
		for port, n := range of {
			due[journal.Place{Host: host, Port: port}] = n
		}
	}
	return due
}
