package controller

import (
	"context"
	"sync"

	"github.com/sirupsen/logrus"

	"github.com/weft-sdn/weft/southbound/ovsdb"
)

// dialers keeps a connection to every host whose resource names an OVSDB manager to dial.
type dialers struct {
	cfg    ovsdb.Config
	log    *logrus.Entry
	handle func(context.Context, *ovsdb.Session)

	mu      sync.Mutex
	ctx     context.Context // of run; nil before
	wanted  map[string]string
	running map[string]dialer // by host
	ended   sync.WaitGroup
}

type dialer struct {
	remote string
	stop   context.CancelFunc
}

func newDialers(cfg ovsdb.Config, handle func(context.Context, *ovsdb.Session), log *logrus.Entry) *dialers {
	return &dialers{cfg: cfg, log: log, handle: handle, wanted: map[string]string{}, running: map[string]dialer{}}
}

// set says which remote to dial for a host; "" for none.
func (d *dialers) set(host, remote string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wanted[host] == remote {
		return
	}
	if d.wanted[host] = remote; remote == "" {
		delete(d.wanted, host)
	}
	d.adjust(host)
}

// adjust makes what runs for a host what is wanted.
func (d *dialers) adjust(host string) {
	if d.ctx == nil {
		return
	}
	remote, running := d.wanted[host], d.running[host]
	if running.remote == remote {
		return
	}
	if running.stop != nil {
		running.stop()
		delete(d.running, host)
	}
	if remote == "" {
		return
	}
	ctx, stop := context.WithCancel(d.ctx)
	d.running[host] = dialer{remote, stop}
	d.ended.Go(func() {
		if err := ovsdb.Dial(ctx, remote, d.cfg, d.handle); err != nil {
			d.log.WithError(err).WithField("host", host).Error("cannot dial the host's manager")
		}
	})
}

// run dials until ctx ends, and returns when all connections have ended.
func (d *dialers) run(ctx context.Context) {
	d.mu.Lock()
	d.ctx = ctx
	for host := range d.wanted {
		d.adjust(host)
	}
	d.mu.Unlock()
	<-ctx.Done()
	d.mu.Lock()
	d.ctx = nil
	d.mu.Unlock()
	d.ended.Wait()
}
