package netlab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// end is one end of a veth pair.
type end struct {
	ns   *Namespace
	name string
	mac  net.HardwareAddr // nil: the kernel chooses
}

// makeVeth joins two namespaces with a veth pair, both ends up.
func makeVeth(a, b end, mtu int) error {
	peerNS, err := b.ns.open()
	if err != nil {
		return fmt.Errorf("veth %s-%s: %w", a.name, b.name, err)
	}
	defer peerNS.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = a.name, mtu, a.mac
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: b.name, PeerMTU: uint32(mtu),
		PeerHardwareAddr: b.mac, PeerNamespace: netlink.NsFd(int(peerNS)),
	}
	err = a.ns.withNetlink(func(h *netlink.Handle) error { return h.LinkAdd(veth) })
	if err != nil {
		return fmt.Errorf("veth %s-%s: %w", a.name, b.name, err)
	}
	for _, e := range []end{a, b} {
		if err := e.ns.setUp(e.name); err != nil {
			return err
		}
	}
	return nil
}

// makeBridge makes a Linux bridge that floods what it does not know, multicast included.
func (n *Namespace) makeBridge(name string, mtu int) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = name, mtu
	snooping := false
	br := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
	err := n.withNetlink(func(h *netlink.Handle) error {
		if err := h.LinkAdd(br); err != nil {
			return err
		}
		return h.LinkSetUp(br)
	})
	if err != nil {
		return fmt.Errorf("namespace %s: bridge %s: %w", n.name, name, err)
	}
	return nil
}

// onLink hands fn the netlink handle of the namespace and one of its links.
func (n *Namespace) onLink(name string, fn func(*netlink.Handle, netlink.Link) error) error {
	err := n.withNetlink(func(h *netlink.Handle) error {
		link, err := h.LinkByName(name)
		if err != nil {
			return err
		}
		return fn(h, link)
	})
	if err != nil {
		return fmt.Errorf("namespace %s: link %s: %w", n.name, name, err)
	}
	return nil
}

func (n *Namespace) setUp(name string) error {
	return n.onLink(name, func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetUp(l) })
}

// SetLinkDown takes a link of the namespace down.
func (n *Namespace) SetLinkDown(name string) error {
	return n.onLink(name, func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetDown(l) })
}

// SetLinkUp brings a link of the namespace up.
func (n *Namespace) SetLinkUp(name string) error { return n.setUp(name) }

// join makes a link a member of a bridge; an empty bridge takes it out.
func (n *Namespace) join(name, bridge string) error {
	return n.onLink(name, func(h *netlink.Handle, l netlink.Link) error {
		if bridge == "" {
			return h.LinkSetNoMaster(l)
		}
		br, err := h.LinkByName(bridge)
		if err != nil {
			return err
		}
		return h.LinkSetMaster(l, br)
	})
}

// removeLink removes a link of the namespace, and with a veth its other end.
func (n *Namespace) removeLink(name string) error {
	return n.onLink(name, func(h *netlink.Handle, l netlink.Link) error { return h.LinkDel(l) })
}

// addAddress gives a link an address that is usable at once; one that it has already is left alone.
func (n *Namespace) addAddress(link string, p netip.Prefix) error {
	return n.onLink(link, func(h *netlink.Handle, l netlink.Link) error {
		a := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := h.AddrAdd(l, a); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add address %s: %w", p, err)
		}
		return nil
	})
}

// addRoute adds a route out of a link, through gw unless that is the zero value, with src as the preferred source.
func (n *Namespace) addRoute(link string, dst netip.Prefix, gw, src netip.Addr) error {
	return n.onLink(link, func(h *netlink.Handle, l netlink.Link) error {
		r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(dst)}
		if gw.IsValid() {
			r.Gw = gw.AsSlice()
			// A gateway outside the link's own prefixes (a /32 address) is still on this wire.
			r.Flags = int(netlink.FLAG_ONLINK)
		} else if dst.Addr().Is4() {
			r.Scope = netlink.SCOPE_LINK
		}
		if src.IsValid() {
			r.Src = src.AsSlice()
		}
		if err := h.RouteReplace(r); err != nil {
			return fmt.Errorf("add route to %s: %w", dst, err)
		}
		return nil
	})
}

// index is a link's number.
func (n *Namespace) index(link string) (index int, err error) {
	err = n.onLink(link, func(_ *netlink.Handle, l netlink.Link) error {
		index = l.Attrs().Index
		return nil
	})
	return index, err
}

// txOff turns transmit checksum offload off: the userspace datapath would pass on half-made checksums, and TCP stall.
func (n *Namespace) txOff(link string) error {
	_, err := n.Exec("ethtool", "-K", link, "tx", "off")
	return err
}

// rootSuffix ends the name of a lab's link in the root namespace, where its controller runs by wish.
const rootSuffix = "-c"

// rootIsFree is an error when another lab has the controller's addresses in the root namespace.
func rootIsFree() error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list links: %w", err)
	}
	for _, l := range links {
		if name := l.Attrs().Name; labName.MatchString(name) && strings.HasSuffix(name, rootSuffix) {
			return fmt.Errorf("another lab (%s) has its controller outside too; take that one down first", name)
		}
	}
	return nil
}

// removeRootLink removes a lab's link in the root namespace, if it has one. The kernel would do it too, some time after
// the namespace of the other end is gone.
func removeRootLink(id string) error {
	link, err := netlink.LinkByName("wl" + id + rootSuffix)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove the link of lab %s: %w", id, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
