package sim

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/southbound/flow"
	"github.com/weft-sdn/weft/southbound/openflow"
)

// ovs is a real ovs-vswitchd whose ports are Open vSwitch's own dummies: frames go in by a command and come out into files.
type ovs struct {
	t     *testing.T
	dir   string
	conn  net.Conn // OpenFlow
	read  framer
	xid   uint32
	seq   uint32
	ports []uint32
	seen  map[uint32]int // bytes of a port's file that were read
}

const timeout = 20 * time.Second

func startOVS(t *testing.T, ports ...uint32) *ovs {
	t.Helper()
	dir, err := os.MkdirTemp("", "weftsim")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o := &ovs{t: t, dir: dir, ports: ports, seen: map[uint32]int{}}
	o.must("ovsdb-tool", "create", dir+"/conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
	o.daemon("ovsdb-server", dir+"/conf.db", "--remote=punix:"+dir+"/db.sock", "--unixctl="+dir+"/ovsdb.ctl", "--log-file="+dir+"/ovsdb.log", "--no-chdir")
	o.answers(dir + "/db.sock")
	o.vsctl("--no-wait", "init")
	o.daemon("unshare", "-n", "ovs-vswitchd", "unix:"+dir+"/db.sock", "--enable-dummy", "--disable-system", "--unixctl="+dir+"/vswitchd.ctl",
		"--log-file="+dir+"/vswitchd.log", "--no-chdir")
	args := []string{"add-br", "br0", "--", "set", "bridge", "br0", "datapath-type=dummy", "fail-mode=secure", "protocols=OpenFlow10,OpenFlow13"}
	for _, p := range ports {
		name := fmt.Sprint("p", p)
		args = append(args, "--", "add-port", "br0", name, "--", "set", "interface", name, "type=dummy", fmt.Sprint("ofport_request=", p),
			"options:tx_pcap="+dir+"/"+name+".pcap")
	}
	o.vsctl(args...)
	if o.conn, err = net.Dial("unix", dir+"/br0.mgmt"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.conn.Close() })
	o.read = framer{r: o.conn}
	o.write(openflow.AppendHello(nil, 1, 1<<openflow.Version13))
	o.roundTrip()
	return o
}

func (o *ovs) env() []string {
	return append(os.Environ(), "OVS_RUNDIR="+o.dir, "OVS_DBDIR="+o.dir, "OVS_SYSDIR="+o.dir, "OVS_LOGDIR="+o.dir)
}

func (o *ovs) must(name string, args ...string) string {
	o.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = o.env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// drops is what the switch counted as dropped by itself.
func (o *ovs) drops() string {
	var lines []string
	for line := range strings.Lines(o.appctl("coverage/show")) {
		if strings.Contains(line, "drop") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func (o *ovs) vsctl(args ...string) {
	o.must("ovs-vsctl", append([]string{"--db=unix:" + o.dir + "/db.sock", "--timeout=20"}, args...)...)
}

func (o *ovs) daemon(name string, args ...string) {
	o.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = o.env()
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// answers waits until somebody listens at a socket: its file is there a moment earlier.
func (o *ovs) answers(socket string) {
	o.t.Helper()
	eventually(o.t, filepath.Base(socket), func() bool {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(timeout); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %s for %s", timeout, what)
		}
	}
}

// appctl runs a command in ovs-vswitchd, as ovs-appctl does.
func (o *ovs) appctl(method string, params ...string) string {
	o.t.Helper()
	c, err := net.Dial("unix", o.dir+"/vswitchd.ctl")
	if err != nil {
		o.t.Fatal(err)
	}
	defer c.Close()
	if params == nil {
		params = []string{}
	}
	json.NewEncoder(c).Encode(map[string]any{"id": 0, "method": method, "params": params})
	var reply struct{ Result, Error any }
	if err := json.NewDecoder(c).Decode(&reply); err != nil || reply.Error != nil {
		o.t.Fatalf("%s: %v %v", method, err, reply.Error)
	}
	text, _ := reply.Result.(string)
	return text
}

func (o *ovs) write(b []byte) {
	o.conn.SetDeadline(time.Now().Add(timeout))
	if _, err := o.conn.Write(b); err != nil {
		o.t.Fatal(err)
	}
}

// roundTrip waits for all that was sent to be done, and returns the errors.
func (o *ovs) roundTrip() (errs []*openflow.Error) {
	o.xid++
	o.write(openflow.AppendEmpty(nil, openflow.TypeBarrierRequest, o.xid))
	for {
		m, err := o.read.next()
		if err != nil {
			o.t.Fatal(err)
		}
		switch m.Type {
		case openflow.TypeError:
			e, _ := openflow.ParseError(m)
			errs = append(errs, e)
		case openflow.TypeBarrierReply:
			if m.XID == o.xid {
				return errs
			}
		}
	}
}

// try sends one change and returns why it was refused.
func (o *ovs) try(mod openflow.Mod) *openflow.Error {
	o.xid++
	o.write(mod.Append(nil, o.xid))
	if errs := o.roundTrip(); len(errs) > 0 {
		return errs[0]
	}
	return nil
}

// clear removes all flows, groups and connections.
func (o *ovs) clear() {
	o.try(openflow.DeleteGroup(openflow.AllGroups))
	o.try(openflow.DeleteFlows(openflow.AllTables, 0, 0, ""))
	o.appctl("dpctl/flush-conntrack")
}

const sentinelType = 0x9999

// frames lets frames in, each by its port, and returns what came out of each port.
func (o *ovs) frames(in []arriving) map[uint32][][]byte {
	o.t.Helper()
	var do flow.Actions
	for _, p := range o.ports {
		do = append(do, flow.Output(p))
	}
	f, err := flow.New(0, 65535, flow.Match{flow.U32(flow.EthType, sentinelType)}, append(do, flow.InPortOutput()))
	if err != nil {
		o.t.Fatal(err)
	}
	if e := o.try(openflow.AddFlow(f)); e != nil {
		o.t.Fatal(e)
	}
	o.appctl("revalidator/purge")
	out := map[uint32][][]byte{}
	for len(in) > 0 { // in order, as many as possible at once
		n := 1
		for n < len(in) && in[n].port == in[0].port {
			n++
		}
		args := []string{fmt.Sprint("p", in[0].port)}
		for _, a := range in[:n] {
			args = append(args, hex.EncodeToString(a.frame))
		}
		o.appctl("netdev-dummy/receive", args...)
		o.flush(in[0].port, out)
		in = in[n:]
	}
	return out
}

type arriving struct {
	port  uint32
	frame []byte
}

// flush sends a last frame by the port in to all ports, and reads what came out before it: a port's frames keep their order.
func (o *ovs) flush(in uint32, out map[uint32][][]byte) {
	o.seq++
	last := make([]byte, 64)
	be.PutUint16(last[12:], sentinelType)
	be.PutUint32(last[14:], o.seq)
	o.appctl("netdev-dummy/receive", fmt.Sprint("p", in), hex.EncodeToString(last))
	for _, p := range o.ports {
		at := o.seen[p]
		if at == 0 {
			at = 24
		}
		eventually(o.t, fmt.Sprint("the last frame at port ", p), func() bool {
			b, _ := os.ReadFile(fmt.Sprintf("%s/p%d.pcap", o.dir, p))
			for len(b) >= at+16 {
				n := int(binary.NativeEndian.Uint32(b[at+8:]))
				if len(b) < at+16+n {
					return false
				}
				f := b[at+16 : at+16+n]
				at += 16 + n
				if be.Uint16(f[12:]) == sentinelType {
					if be.Uint32(f[14:]) == o.seq {
						return true
					}
					continue
				}
				out[p] = append(out[p], f)
			}
			return false
		})
		o.seen[p] = at
	}
}
