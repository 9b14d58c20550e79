package netlab

import (
	"fmt"
	"net/netip"
	"strconv"
)

// AddPeer adds a third party at the other end of tunnels.
func (l *Lab) AddPeer(name string) (*Host, error) {
	return l.AddHost(name, HostOptions{Kind: KindPeer})
}

// startPeer makes the bridge of a peer and gives it its tunnel addresses.
func (h *Host) startPeer() error {
	if err := h.makeBridge(SwitchBridge, UnderlayMTU); err != nil {
		return err
	}
	if err := h.txOff(underlayLink); err != nil {
		return err
	}
	return h.addressTunnel()
}

// AddVXLAN gives a peer a VXLAN device of the kernel's on its bridge, which floods to remotes and learns from them.
func (h *Host) AddVXLAN(vni uint32, remotes ...netip.Addr) error {
	const device = "vx0"
	local, overhead := h.TunnelIP(), 50
	if len(remotes) > 0 && remotes[0].Is6() {
		local, overhead = h.TunnelIPv6(), 70
	}
	if _, err := h.Exec("ip", "link", "add", device, "mtu", strconv.Itoa(UnderlayMTU-overhead), "type", "vxlan", "id", fmt.Sprint(vni),
		"dstport", "4789", "local", local.String(), "dev", underlayLink); err != nil {
		return err
	}
	for _, r := range remotes {
		if _, err := h.Exec("bridge", "fdb", "append", "00:00:00:00:00:00", "dev", device, "dst", r.String()); err != nil {
			return err
		}
	}
	if err := h.join(device, SwitchBridge); err != nil {
		return err
	}
	return h.setUp(device)
}
