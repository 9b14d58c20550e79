package netlab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// snapLen is the longest frame a capture keeps whole.
const snapLen = 65535

// Packet is one captured frame.
type Packet struct {
	Time     time.Time
	Outgoing bool // sent by the namespace that it was captured in, not received
	Data     []byte
}

// Decode dissects the frame.
func (p Packet) Decode() gopacket.Packet {
	return gopacket.NewPacket(p.Data, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
}

// Capture records frames of one interface. It is a packet socket of this process, not a tcpdump: it records from the
// moment that Capture returns, and Stop has everything that the interface saw before Stop.
type Capture struct {
	lab    *Lab
	where  string
	file   *os.File
	filter *bpf.VM
	done   chan struct{}

	mu      sync.Mutex
	packets []Packet
	dropped uint32 // frames that the kernel had no room for
	err     error
}

// Capture starts to record frames of an interface of the namespace that match a pcap-filter(7) expression.
func (l *Lab) capture(ns *Namespace, link, filter string) (*Capture, error) {
	c := &Capture{lab: l, where: ns.name + "/" + link, done: make(chan struct{})}
	if err := c.open(ns, link, filter); err != nil {
		return nil, fmt.Errorf("capture on %s: %w", c.where, err)
	}
	l.own(c)
	go c.run()
	return c, nil
}

// Capture starts to record frames of an interface of the host; see Underlay for where tunnel packets are.
func (h *Host) Capture(link, filter string) (*Capture, error) {
	return h.lab.capture(h.Namespace, link, filter)
}

// Capture starts to record frames of eth0.
func (e *Endpoint) Capture(filter string) (*Capture, error) {
	return e.lab.capture(e.Namespace, endpointLink, filter)
}

func (c *Capture) open(ns *Namespace, link, filter string) error {
	vm, err := compile(filter)
	if err != nil {
		return err
	}
	c.filter = vm
	index, err := ns.index(link)
	if err != nil {
		return err
	}
	return ns.Do(func() error {
		fd, err := packetSocket(index, unix.ETH_P_ALL)
		if err != nil {
			return err
		}
		for _, o := range []struct{ level, name, value int }{
			{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 32 << 20},
			{unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
			{unix.SOL_PACKET, unix.PACKET_AUXDATA, 1},
		} {
			if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
				return errors.Join(err, unix.Close(fd))
			}
		}
		c.file = os.NewFile(uintptr(fd), c.where)
		return nil
	})
}

// packetSocket opens a raw packet socket on a link of the thread's namespace; protocol 0 receives nothing.
func packetSocket(index, protocol int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	// Bound before it receives: a socket that is opened with a protocol hears every interface until it is bound.
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index, Protocol: networkOrder(protocol)}); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func networkOrder(v int) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, uint16(v)))
}

// compile makes tcpdump translate a filter, so that it means here what it means there.
func compile(filter string) (*bpf.VM, error) {
	if strings.TrimSpace(filter) == "" {
		return bpf.NewVM([]bpf.Instruction{bpf.RetConstant{Val: snapLen}})
	}
	out, err := output(exec.Command("tcpdump", "-y", "EN10MB", "-s", strconv.Itoa(snapLen), "-ddd", filter))
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")[1:]
	program := make([]bpf.Instruction, 0, len(lines))
	for _, line := range lines {
		var raw bpf.RawInstruction
		if _, err := fmt.Sscan(line, &raw.Op, &raw.Jt, &raw.Jf, &raw.K); err != nil {
			return nil, fmt.Errorf("filter %q: %w", filter, err)
		}
		program = append(program, raw.Disassemble())
	}
	return bpf.NewVM(program)
}

func (c *Capture) run() {
	defer close(c.done)
	conn, err := c.file.SyscallConn()
	if err != nil {
		c.fail(err)
		return
	}
	buf, oob := make([]byte, snapLen), make([]byte, 512)
	for {
		var n, oobn int
		var from unix.Sockaddr
		var recvErr error
		err := conn.Read(func(fd uintptr) bool {
			n, oobn, _, from, recvErr = unix.Recvmsg(int(fd), buf, oob, 0)
			return recvErr != unix.EAGAIN
		})
		if err == nil && recvErr == nil {
			c.add(buf[:n], oob[:oobn], from)
			continue
		}
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) {
			return
		}
		// ENETDOWN: the link went down; what it says after it came up again is wanted too.
		if err == nil && (recvErr == unix.EINTR || recvErr == unix.ENETDOWN) {
			continue
		}
		c.fail(errors.Join(err, recvErr))
		return
	}
}

func (c *Capture) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errors.Join(c.err, err)
}

func (c *Capture) add(frame, oob []byte, from unix.Sockaddr) {
	p := Packet{Time: time.Now(), Data: slices.Clone(frame)}
	if ll, ok := from.(*unix.SockaddrLinklayer); ok {
		p.Outgoing = ll.Pkttype == unix.PACKET_OUTGOING
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		c.fail(err)
		return
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16:
			p.Time = time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA && len(m.Data) >= 20:
			p.Data = restoreTag(p.Data, m.Data)
		}
	}
	if n, err := c.filter.Run(p.Data); err != nil || n == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.packets = append(c.packets, p)
}

// restoreTag puts the VLAN tag back that the kernel took out of a frame (struct tpacket_auxdata, packet(7)).
func restoreTag(frame, aux []byte) []byte {
	const statusOffset, tciOffset, tpidOffset = 0, 16, 18
	status := binary.NativeEndian.Uint32(aux[statusOffset:])
	if status&unix.TP_STATUS_VLAN_VALID == 0 || len(frame) < 12 {
		return frame
	}
	tpid := uint16(unix.ETH_P_8021Q)
	if status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		tpid = binary.NativeEndian.Uint16(aux[tpidOffset:])
	}
	tag := binary.BigEndian.AppendUint16(nil, tpid)
	tag = binary.BigEndian.AppendUint16(tag, binary.NativeEndian.Uint16(aux[tciOffset:]))
	return slices.Insert(frame, 12, tag...)
}

// Packets is what was captured so far.
func (c *Capture) Packets() []Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.packets)
}

// Received is what was captured so far and came in from outside the namespace.
func (c *Capture) Received() []Packet {
	return slices.DeleteFunc(c.Packets(), func(p Packet) bool { return p.Outgoing })
}

// Stop ends the capture and returns everything that was captured. It is an error when the kernel had to drop frames: an
// empty capture would prove nothing then.
func (c *Capture) Stop() ([]Packet, error) {
	c.lab.disown(c)
	// The deadline ends the reader, and what is in the socket is read after it.
	if err := c.file.SetReadDeadline(time.Unix(1, 0)); err == nil {
		<-c.done
		c.drain()
		if err := c.file.Close(); err != nil {
			c.fail(err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.err
	if c.dropped > 0 {
		err = errors.Join(err, fmt.Errorf("%d frames were not captured", c.dropped))
	}
	if err != nil {
		err = fmt.Errorf("capture on %s: %w", c.where, err)
	}
	return slices.Clone(c.packets), err
}

func (c *Capture) drain() {
	conn, err := c.file.SyscallConn()
	if err != nil {
		c.fail(err)
		return
	}
	buf, oob := make([]byte, snapLen), make([]byte, 512)
	err = conn.Control(func(fd uintptr) {
		for {
			n, oobn, _, from, err := unix.Recvmsg(int(fd), buf, oob, unix.MSG_DONTWAIT)
			if errors.Is(err, syscall.EINTR) || errors.Is(err, syscall.ENETDOWN) {
				continue
			}
			if err != nil {
				break
			}
			c.add(buf[:n], oob[:oobn], from)
		}
		if stats, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
			c.mu.Lock()
			c.dropped = stats.Drops
			c.mu.Unlock()
		}
	})
	if err != nil {
		c.fail(err)
	}
}

// Close is Stop without the packets.
func (c *Capture) Close() error {
	_, err := c.Stop()
	return err
}

// Expect waits until a received frame satisfies match, and returns it.
func (c *Capture) Expect(within time.Duration, what string, match func(gopacket.Packet) bool) (Packet, error) {
	var found Packet
	err := Eventually(within, what+" on "+c.where, func() error {
		received := c.Received()
		for _, p := range received {
			if match(p.Decode()) {
				found = p
				return nil
			}
		}
		return fmt.Errorf("none among %d frames", len(received))
	})
	return found, err
}

// ExpectNone stops the capture and is an error when a received frame satisfies match. Call it when the frame would have
// arrived, such as after another one that was sent later has.
func (c *Capture) ExpectNone(what string, match func(gopacket.Packet) bool) error {
	packets, err := c.Stop()
	if err != nil {
		return err
	}
	for _, p := range packets {
		if !p.Outgoing && match(p.Decode()) {
			return fmt.Errorf("%s: must not be on %s: %s", what, c.where, p.Decode())
		}
	}
	return nil
}

// WritePcap saves what was captured so far for Wireshark.
func (c *Capture) WritePcap(path string) error { return WritePcap(path, c.Packets()) }

// WritePcap saves packets for Wireshark.
func WritePcap(path string, packets []Packet) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := pcapgo.NewWriter(f)
	err = w.WriteFileHeader(snapLen, layers.LinkTypeEthernet)
	for _, p := range packets {
		err = errors.Join(err, w.WritePacket(gopacket.CaptureInfo{Timestamp: p.Time, CaptureLength: len(p.Data), Length: len(p.Data)}, p.Data))
	}
	return errors.Join(err, f.Close())
}

// Send puts a frame on the endpoint's wire as it is.
func (e *Endpoint) Send(frames ...[]byte) error {
	err := func() error {
		index, err := e.index(endpointLink)
		if err != nil {
			return err
		}
		return e.Do(func() error {
			fd, err := packetSocket(index, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			for _, f := range frames {
				if _, err := unix.Write(fd, f); err != nil {
					return err
				}
			}
			return nil
		})
	}()
	if err != nil {
		return fmt.Errorf("endpoint %s: send: %w", e.name, err)
	}
	return nil
}

// Frame serializes layers with lengths and checksums computed, for Send.
func Frame(ls ...gopacket.SerializableLayer) ([]byte, error) {
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...)
	return b.Bytes(), err
}
