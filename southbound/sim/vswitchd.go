package sim

import (
	"context"
	"net/netip"
	"strconv"

	"github.com/weft-sdn/weft/southbound/flow"
)

// configure brings the switch to what the database says, as ovs-vswitchd does, and writes back what it did.
func (h *Host) configure() {
	id, ok := h.bridge()
	wanted := map[uint32]Port{}
	targets := map[string]bool{}
	if ok {
		b := h.db.tables["Bridge"][id]
		h.identify(id, b)
		h.assign(b, wanted)
		for _, c := range b.ids("controller") {
			targets[h.db.tables["Controller"][c].text("target")] = true
		}
	}
	for _, p := range h.sw.Ports() {
		if _, keep := wanted[p.Number]; !keep {
			h.sw.RemovePort(p.Number)
		}
	}
	for _, p := range wanted {
		_ = h.sw.SetPort(p) // numbers were checked when they were assigned
	}
	if attached := len(targets) > 0; attached != h.attached {
		h.attached = attached
		h.sw.Flush() // Open vSwitch does so too, when the first controller comes and when the last one goes
	}
	h.connect(targets)
	if n, ok := h.db.tables["Open_vSwitch"][h.db.root].number("next_cfg"); ok {
		h.db.set("Open_vSwitch", h.db.root, row{"cur_cfg": n})
	}
	h.publish()
}

// identify gives the bridge its datapath id.
func (h *Host) identify(id uuid, b row) {
	config, _ := b.get("other_config", aDict).(dict)
	dpid := h.cfg.Switch.DatapathID
	if n, err := strconv.ParseUint(config["datapath-id"], 16, 64); err == nil {
		dpid = n
	}
	h.sw.setDatapathID(dpid)
	text := strconv.FormatUint(dpid, 16)
	for len(text) < 16 {
		text = "0" + text
	}
	h.db.set("Bridge", id, row{"datapath_id": set{text}})
}

// assign gives ports their numbers: those that they have, those that they ask for, and the lowest free ones.
func (h *Host) assign(b row, wanted map[uint32]Port) {
	var later []uuid
	for _, keep := range [...]string{"ofport", "ofport_request"} {
		later = later[:0]
		for _, p := range b.ids("ports") {
			later = append(later, h.db.tables["Port"][p].ids("interfaces")...)
		}
		for _, i := range later {
			r := h.db.tables["Interface"][i]
			if n, has := r.number("ofport"); keep == "ofport_request" && has && n > 0 {
				continue
			}
			if n, ok := r.number(keep); ok && n > 0 && n < 0xff00 && wanted[uint32(n)].Number == 0 {
				h.number(i, uint32(n), wanted)
			}
		}
	}
	next := uint32(1)
	for _, i := range later {
		r := h.db.tables["Interface"][i]
		if n, has := r.number("ofport"); has && n > 0 {
			continue
		}
		if r.text("name") == h.cfg.Bridge {
			h.number(i, flow.PortLocal, wanted)
			continue
		}
		for wanted[next].Number != 0 {
			next++
		}
		h.number(i, next, wanted)
	}
}

// number writes an interface's port number and what a working interface shows.
func (h *Host) number(i uuid, n uint32, wanted map[uint32]Port) {
	r := h.db.tables["Interface"][i]
	p := Port{Number: n, Name: r.text("name"), MAC: macOf(r, n)}
	shown := int64(n)
	if n == flow.PortLocal {
		shown = 65534
	}
	h.db.set("Interface", i, row{"ofport": set{shown}, "link_state": set{"up"}, "admin_state": set{"up"}, "mtu": set{int64(1500)},
		"mac_in_use": set{p.MAC.String()}})
	switch typ := r.text("type"); typ {
	case "vxlan", "geneve", "gre":
		options, _ := r.get("options", aDict).(dict)
		p.Tunnel = Tunnel{Type: typ}
		p.Tunnel.Remote, _ = netip.ParseAddr(options["remote_ip"]) // "flow" and nothing are no address
		if key, err := strconv.ParseUint(options["key"], 10, 64); err == nil {
			p.Tunnel.Key, p.Tunnel.Fixed = key, FixedKey
		}
	}
	wanted[n] = p
}

func macOf(r row, n uint32) flow.MACAddr {
	if used := r.text("mac_in_use"); used != "" {
		var m flow.MACAddr
		for i := range m {
			b, err := strconv.ParseUint(used[min(3*i, len(used)):min(3*i+2, len(used))], 16, 8)
			if err != nil {
				break
			}
			m[i] = byte(b)
		}
		return m
	}
	return flow.MACAddr{0x02, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
}

// connect starts links to new controllers and ends those to old ones.
func (h *Host) connect(targets map[string]bool) {
	for target, l := range h.links {
		if !targets[target] {
			l.stop()
			delete(h.links, target)
		}
	}
	if h.serve == nil {
		return
	}
	for target := range targets {
		if h.links[target] == nil {
			ctx, stop := context.WithCancel(h.serve)
			h.links[target] = &link{stop}
			h.workers.Go(func() { h.follow(ctx, target) })
		}
	}
}

func (s *Switch) setDatapathID(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cfg.DatapathID = id
}
