package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/weft-sdn/weft/northbound/client"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
	"github.com/weft-sdn/weft/test/netlab"
)

const syncedWithin = 2 * time.Minute

// cloud is weftd with two hosts whose interfaces are made up, in one of the shapes.
type cloud struct {
	*weftd
	b     *bench
	lab   *netlab.Lab
	hosts []*netlab.Host
	shape shape
	dir   string
	ports int // that there are
	ids   int // ports below it have their interfaces plugged
}

// newCloud makes hosts and starts weftd, in whose store the other hosts' interfaces of so many ports are.
func (b *bench) newCloud(ctx context.Context, s shape, ports int) (*cloud, error) {
	dir, err := os.MkdirTemp(b.dir, string(s)+"-")
	if err != nil {
		return nil, err
	}
	c := &cloud{b: b, shape: s, dir: dir}
	if c.lab, err = netlab.New(netlab.Config{Name: "bench"}); err != nil {
		return nil, err
	}
	if err := c.start(ctx, ports); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *cloud) start(ctx context.Context, ports int) error {
	var err error
	dummy := netlab.HostOptions{Dummy: true}
	if c.hosts, err = c.lab.AddHosts(netlab.HostSpec{Name: "h1", HostOptions: dummy}, netlab.HostSpec{Name: "h2", HostOptions: dummy}); err != nil {
		return err
	}
	if err := c.shape.remember(ctx, c.dir, ports); err != nil {
		return fmt.Errorf("remembered hosts: %w", err)
	}
	if c.weftd, err = c.b.startWeftd(ctx, c.lab, c.dir); err != nil {
		return err
	}
	if others := c.shape.registered(); len(others) > 0 {
		if _, err := c.Apply(ctx, others); err != nil {
			return err
		}
	}
	for _, h := range c.hosts {
		if err := h.SetManager(c.lab.ManagerTarget()); err != nil {
			return err
		}
	}
	for _, h := range c.hosts {
		if err := h.WaitBridge(netlab.IntegrationBridge, weftdWithin); err != nil {
			return err
		}
	}
	return c.synced(ctx)
}

// synced waits until weftd says that both hosts are in step.
func (c *cloud) synced(ctx context.Context) error {
	return netlab.Eventually(syncedWithin, "both hosts are synced", func() error {
		for _, h := range c.hosts {
			r, err := c.Get(ctx, &weftv1.ResourceRef{Kind: "Host", Name: h.Name()})
			if err != nil {
				return err
			}
			st := r.GetStatus().GetHost()
			const want = weftv1.HostStatus_CONNECTION_SYNCED
			if st.GetOpenflow() != want || st.GetOvsdb() != want || st.GetLag() != 0 {
				return fmt.Errorf("host %s: OpenFlow %v, OVSDB %v, lag %d", h.Name(), st.GetOpenflow(), st.GetOvsdb(), st.GetLag())
			}
		}
		return nil
	})
}

func (c *cloud) close() error {
	var errs []error
	if c.weftd != nil {
		errs = append(errs, c.stop())
	}
	return errors.Join(append(errs, c.lab.Close())...)
}

// plug plugs the interfaces of all ports up to last-1 that real hosts have, and waits until weftd knows the last of them.
func (c *cloud) plug(ctx context.Context, last int) error {
	for n, h := range c.hosts {
		if ids := c.shape.plugged(c.ids, last, n); len(ids) > 0 {
			if err := h.PlugDummy(netlab.IntegrationBridge, ids); err != nil {
				return err
			}
		}
	}
	c.ids = last
	return c.synced(ctx)
}

// grow makes ports until there are n, and waits until they are realised and bound.
func (c *cloud) grow(ctx context.Context, n int) error {
	if n > c.ports {
		if _, err := c.apply(ctx, intended(c.ports, n)); err != nil {
			return err
		}
		c.ports = n
	}
	return c.bound(ctx, n)
}

// bound waits until the last ports of both hosts are active there, and demands that these hosts have a flow at least for every
// port, wherever it is.
func (c *cloud) bound(ctx context.Context, n int) error {
	if err := c.active(ctx, n); err != nil {
		return err
	}
	flows, err := c.flows(ctx)
	if err == nil && flows < float64(n) {
		err = fmt.Errorf("a host has %.0f flows for %d ports: the other hosts' ports are not bound", flows, n)
	}
	return err
}

func (c *cloud) active(ctx context.Context, n int) error {
	return netlab.Eventually(syncedWithin, "the ports are active", func() error {
		seen := map[int]bool{}
		for i := n - 1; i >= 0 && len(seen) < realHosts; i-- {
			h := c.shape.host(i)
			if h >= realHosts || seen[h] {
				continue
			}
			seen[h] = true
			r, err := c.Get(ctx, &weftv1.ResourceRef{Kind: "Port", Project: project, Name: portName(i)})
			if err != nil {
				return err
			}
			if r.GetStatus().GetPhase() != weftv1.Status_PHASE_ACTIVE {
				return fmt.Errorf("port %s is %v: %v", r.GetName(), r.GetStatus().GetPhase(), r.GetStatus().GetConditions())
			}
		}
		return nil
	})
}

// took is how long the two calls of a change took.
type took struct{ apply, wait time.Duration }

func (t took) total() time.Duration { return t.apply + t.wait }

// apply applies resources and waits until every connected host has confirmed.
func (c *cloud) apply(ctx context.Context, resources []*weftv1.Resource) (took, error) {
	began := time.Now()
	resp, err := c.Apply(ctx, resources)
	if err != nil {
		return took{}, err
	}
	t := took{apply: time.Since(began)}
	t.wait, err = c.confirmed(ctx, resp.GetRevision())
	return t, err
}

// remove deletes ports and waits until every connected host has confirmed.
func (c *cloud) remove(ctx context.Context, opt client.DeleteOptions, refs ...*weftv1.ResourceRef) (took, error) {
	began := time.Now()
	resp, err := c.Delete(ctx, refs, opt)
	if err != nil {
		return took{}, err
	}
	t := took{apply: time.Since(began)}
	t.wait, err = c.confirmed(ctx, resp.GetRevision())
	return t, err
}

// confirmed waits for a revision and returns how long that took.
func (c *cloud) confirmed(ctx context.Context, revision int64) (time.Duration, error) {
	began := time.Now()
	resp, err := c.Wait(ctx, client.WaitOptions{Revision: revision, Timeout: callWithin})
	if err == nil && !resp.GetRealised() {
		err = fmt.Errorf("revision %d is not realised: %v", revision, resp.GetHosts())
	}
	return time.Since(began), err
}

func (c *cloud) profilePath(name string) string {
	if c.b.keep != "" {
		return filepath.Join(c.b.keep, name+".pprof")
	}
	return filepath.Join(c.dir, name+".pprof")
}
