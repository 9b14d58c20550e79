package e2e

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/weft-sdn/weft/test/netlab"
)

// Case is a frame that an endpoint sends, and who must get it. Nobody else may: not the members of the same network, not
// those of others, not the sender.
type Case struct {
	Name  string
	From  *netlab.Endpoint
	Frame func(nonce []byte) []byte // a frame that carries the nonce
	Send  func(nonce []byte) error  // instead of From and Frame: sends what carries the nonce from somewhere else
	To    []*netlab.Endpoint
}

// nonceLen is the length of the mark by which a frame is known again.
const nonceLen = 16

func newNonce() []byte {
	b := make([]byte, nonceLen)
	_, _ = rand.Read(b) // never fails
	return b
}

// Deliver sends the frames of all cases and demands that each arrives where it must and nowhere else.
func (c *Cloud) Deliver(cases ...Case) {
	c.T.Helper()
	for _, err := range c.misdelivered(cases) {
		c.T.Error(err)
	}
}

// misdelivered sends the frames of all cases and says which did not arrive just where they must.
func (c *Cloud) misdelivered(cases []Case) []error {
	c.T.Helper()
	// Before the first frame, so that every host knows the link-layer address of every other host's tunnel.
	c.fence()
	captures := c.capture()
	nonces := make([][]byte, len(cases))
	for i, one := range cases {
		nonces[i] = newNonce()
		send := one.Send
		if send == nil {
			send = func(nonce []byte) error { return one.From.Send(one.Frame(nonce)) }
		}
		if err := send(nonces[i]); err != nil {
			c.T.Fatalf("%s: %v", one.Name, err)
		}
	}
	c.Arrived()
	seen := map[*netlab.Endpoint][]netlab.Packet{}
	for e, capture := range captures {
		packets, err := capture.Stop()
		if err != nil {
			c.T.Fatal(err)
		}
		seen[e] = packets
	}
	var errs []error
	for i, one := range cases {
		want, got := names(one.To), names(witnesses(seen, nonces[i]))
		if want != got {
			errs = append(errs, fmt.Errorf("%s: arrived at [%s], and must at [%s]", one.Name, got, want))
		}
	}
	return errs
}

// Nowhere has an endpoint send a frame a thousand times a second while something happens, and demands that nobody ever gets
// one of them.
func (c *Cloud) Nowhere(what string, from *netlab.Endpoint, frame func(nonce []byte) []byte, during func()) {
	c.T.Helper()
	captures, nonce := c.capture(), newNonce()
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		var err error
		for sent := frame(nonce); err == nil; err = from.Send(sent) {
			select {
			case <-done:
				ended <- nil
				return
			case <-tick.C:
			}
		}
		ended <- err
	}()
	during()
	close(done)
	if err := <-ended; err != nil {
		c.T.Fatal(err)
	}
	c.Arrived()
	seen := map[*netlab.Endpoint][]netlab.Packet{}
	for e, capture := range captures {
		packets, err := capture.Stop()
		if err != nil {
			c.T.Fatal(err)
		}
		seen[e] = packets
	}
	if got := names(witnesses(seen, nonce)); got != "" {
		c.T.Errorf("%s: arrived at [%s], and must nowhere", what, got)
	}
}

// capture records on every endpoint.
func (c *Cloud) capture() map[*netlab.Endpoint]*netlab.Capture {
	c.T.Helper()
	captures := map[*netlab.Endpoint]*netlab.Capture{}
	for _, e := range c.Lab.Endpoints() {
		capture, err := e.Capture("")
		if err != nil {
			c.T.Fatal(err)
		}
		captures[e] = capture
	}
	return captures
}

// Arrived waits until what endpoints have sent has arrived, if it does at all.
func (c *Cloud) Arrived() {
	c.T.Helper()
	// Twice, because what comes in by different ports of one switch may overtake each other once.
	c.fence()
	c.fence()
}

// witnesses are the endpoints that received a frame with the nonce.
func witnesses(seen map[*netlab.Endpoint][]netlab.Packet, nonce []byte) []*netlab.Endpoint {
	var all []*netlab.Endpoint
	for e, packets := range seen {
		if slices.ContainsFunc(packets, func(p netlab.Packet) bool { return !p.Outgoing && bytes.Contains(p.Data, nonce) && !complains(p) }) {
			all = append(all, e)
		}
	}
	return all
}

// complains says whether a frame is an ICMP error, which quotes what a machine was sent and had no use for.
func complains(p netlab.Packet) bool {
	decoded := p.Decode()
	if m, ok := decoded.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4); ok {
		return m.TypeCode.Type() == layers.ICMPv4TypeDestinationUnreachable
	}
	m, ok := decoded.Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	return ok && m.TypeCode.Type() == layers.ICMPv6TypeDestinationUnreachable
}

func names(endpoints []*netlab.Endpoint) string {
	var all []string
	for _, e := range endpoints {
		all = append(all, e.Name())
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// fence has every member of every network broadcast until every other member has heard it. A frame that was sent before
// and has not arrived by then does not arrive.
func (c *Cloud) fence() {
	c.T.Helper()
	c.mu.Lock()
	networks := maps.Clone(c.members)
	c.mu.Unlock()
	captures := c.capture()
	defer func() {
		for _, capture := range captures {
			if err := capture.Close(); err != nil {
				c.T.Error(err)
			}
		}
	}()
	nonces := map[*netlab.Endpoint][]byte{}
	for _, members := range networks {
		for _, e := range members {
			nonces[e] = newNonce()
		}
	}
	open := networks
	c.Eventually(patience, "broadcasts reach the members of each network", func() error {
		for _, members := range open {
			for _, e := range members {
				if err := e.Send(Experimental(e.MAC(), broadcast, nonces[e])); err != nil {
					return err
				}
			}
		}
		// What was sent is on its way for less than this; what is lost while tunnels resolve addresses is sent again.
		return netlab.Eventually(200*time.Millisecond, "all heard", func() error {
			var missing []string
			for network, members := range open {
				lacks := unheard(members, nonces, captures)
				if len(lacks) == 0 {
					delete(open, network)
				}
				missing = append(missing, lacks...)
			}
			if len(missing) > 0 {
				slices.Sort(missing)
				return fmt.Errorf("%d not heard: %s", len(missing), strings.Join(missing[:min(6, len(missing))], ", "))
			}
			return nil
		})
	})
}

// unheard lists who has not heard whom.
func unheard(members []*netlab.Endpoint, nonces map[*netlab.Endpoint][]byte, captures map[*netlab.Endpoint]*netlab.Capture) []string {
	var missing []string
	for _, to := range members {
		received := captures[to].Received()
		for _, from := range members {
			if from == to {
				continue
			}
			if !slices.ContainsFunc(received, func(p netlab.Packet) bool { return bytes.Contains(p.Data, nonces[from]) }) {
				missing = append(missing, from.Name()+" by "+to.Name())
			}
		}
	}
	return missing
}
