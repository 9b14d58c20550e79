package main_test

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weft-sdn/weft/test/e2e"
	"github.com/weft-sdn/weft/test/netlab"
)

// Peers that send garbage to 6653, 6640 and the gRPC port are shown the door; everybody else notices nothing.
func TestGarbage(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(2)})
	p := twoTenants(c, "h1", "h2")
	stop := untouched(c, [2]*netlab.Endpoint{p.reds[0], p.reds[1]}, [2]*netlab.Endpoint{p.blues[0], p.blues[1]})
	pid, before := c.Weftd.PID(), allFlows(c)
	for address, garbage := range map[string]map[string][]byte{e2e.OpenFlow: openflowGarbage(), e2e.OVSDB: ovsdbGarbage(), e2e.GRPC: grpcGarbage()} {
		for name, bytes := range garbage {
			c.Run(address+" "+name, func(c *e2e.Cloud) { thrown(c, address, bytes) })
		}
	}
	c.Run("many at once", func(c *e2e.Cloud) { flooded(c) })
	c.Run("a switch that nobody knows", func(c *e2e.Cloud) { stranger(c) })
	if now := c.Weftd.PID(); now != pid {
		t.Fatalf("weftd was process %d and is %d", pid, now)
	}
	c.Apply(p.red.Port(1, "deviceId: after"))
	c.Apply(p.red.Port(1, ""))
	c.Synced()
	if err := difference(before, allFlows(c)); err != nil {
		t.Error(err)
	}
	stop()
}

func random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

// message is an OpenFlow message: version, type, length as stated, and body.
func message(version, kind byte, length uint16, body ...byte) []byte {
	b := []byte{version, kind, 0, 0, 0, 0, 0, 1}
	binary.BigEndian.PutUint16(b[2:], length)
	return append(b, body...)
}

func openflowGarbage() map[string][]byte {
	hello := message(4, 0, 8)
	return map[string][]byte{
		"random bytes":              random(64 << 10),
		"HTTP":                      []byte("GET / HTTP/1.1\r\nHost: weft\r\n\r\n"),
		"length 0":                  message(4, 0, 0),
		"hello with element of 0":   message(4, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0),
		"no common version":         message(1, 0, 8),
		"long hello":                append(message(4, 0, 65535), make([]byte, 65527)...),
		"garbage after hello":       append(hello, random(4096)...),
		"cut features":              append(hello, message(4, 6, 16, make([]byte, 8)...)...),
		"packet-in before features": append(hello, message(4, 10, 42, make([]byte, 34)...)...),
	}
}

func ovsdbGarbage() map[string][]byte {
	return map[string][]byte{
		"random bytes":  random(64 << 10),
		"HTTP":          []byte("GET / HTTP/1.1\r\nHost: weft\r\n\r\n"),
		"no request":    []byte(`[1,2,3]`),
		"deep":          []byte(strings.Repeat("[", 1<<20)),
		"endless text":  []byte(`{"method":"` + strings.Repeat("x", 8<<20)),
		"wrong replies": []byte(`{"id":0,"result":"x","error":null}{"id":1,"result":[],"error":null}{"id":null,"method":"update2","params":[null,{}]}{}`),
		"empty update":  []byte(`{"id":1,"result":{},"error":null}{"method":"update3","id":null}`),
	}
}

func grpcGarbage() map[string][]byte {
	preface := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	return map[string][]byte{
		"random bytes":     random(64 << 10),
		"HTTP/1":           []byte("POST /weft.v1.WeftService/Apply HTTP/1.1\r\nHost: weft\r\nContent-Length: 99999999\r\n\r\n{}"),
		"preface, garbage": append([]byte(preface), random(64<<10)...),
		"frame too large":  append([]byte(preface), 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1),
	}
}

// thrown sends garbage and demands that weftd closes the connection. It may answer first.
func thrown(c *e2e.Cloud, address string, garbage []byte) {
	conn, err := c.Lab.Dial("tcp", address)
	c.Do(err)
	defer conn.Close()
	c.Do(conn.SetDeadline(time.Now().Add(30 * time.Second)))
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = conn.Write(garbage) // it may be cut off before it is through
	}()
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		c.T.Errorf("the connection is still open %v later", 30*time.Second)
	}
	conn.Close()
	<-written
	c.Revision() // the API answers
	if address == e2e.GRPC {
		return // gRPC tells the peer, and nobody else
	}
	c.Eventually(5*time.Second, "the log says who was sent away", func() error {
		if log := c.Weftd.Log(); !strings.Contains(log, conn.LocalAddr().String()) {
			return errors.New("it does not have " + conn.LocalAddr().String())
		}
		return nil
	})
}

// flooded opens many connections that say nothing, TLS where there is none, and ones that go away at once.
func flooded(c *e2e.Cloud) {
	var mu sync.Mutex
	var open []net.Conn
	var wg sync.WaitGroup
	for _, address := range []string{e2e.OpenFlow, e2e.OVSDB, e2e.GRPC} {
		for i := range 100 {
			wg.Go(func() {
				conn, err := c.Lab.Dial("tcp", address)
				if err != nil {
					return // that it takes no more is in order
				}
				switch i % 3 {
				case 0:
					conn.Close()
					return
				case 1:
					_ = conn.SetDeadline(time.Now().Add(100 * time.Millisecond)) // it will not answer
					_ = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Handshake()
				}
				mu.Lock()
				open = append(open, conn)
				mu.Unlock()
			})
		}
	}
	wg.Wait()
	c.Apply(e2e.Tenant{Project: "red", VMs: 1}.Port(1, "deviceId: flooded"))
	for _, conn := range open {
		conn.Close()
	}
}

// stranger is a real switch of no host: it is given no flows and does no harm.
func stranger(c *e2e.Cloud) {
	h := netlab.Must(c.Lab.AddHost("h9", netlab.HostOptions{}))(c.T)
	_, err := h.Vsctl("add-br", "br-strange", "--", "set", "Bridge", "br-strange", "datapath_type=netdev", "fail_mode=secure", "protocols=OpenFlow13",
		"--", "set-controller", "br-strange", "tcp:"+netlab.ControllerIPv4+":6653")
	c.Do(err)
	c.Apply(e2e.Tenant{Project: "red", VMs: 1}.Port(1, "deviceId: stranger"))
	if all, err := h.DumpFlows("br-strange"); err != nil || len(all) > 0 {
		c.T.Errorf("a switch of no host has flows: %v, %v", all, err)
	}
	c.Do(h.Remove())
}
