package ovsdb

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
)

// Config bounds sessions. The zero value is usable; validate fills in the defaults named here.
type Config struct {
	Log *logrus.Entry // default: logrus' standard logger
	TLS *tls.Config   // for Dial to ssl: remotes; without ServerName the chain is verified and the name is not, as Open vSwitch does

	IdentifyTimeout time.Duration // from accept to a system-id, TLS handshake included; default 10 s
	ProbeInterval   time.Duration // silence after which we send an echo request; default 5 s
	ProbeTimeout    time.Duration // silence after which the peer is dead; default 15 s
	MessageTimeout  time.Duration // from a message's first byte to its last; default 30 s
	ReplyTimeout    time.Duration // for a transaction's reply, and for a write to progress; default 30 s
	RetryMin        time.Duration // first wait after a failed transaction or dial; default 200 ms
	RetryMax        time.Duration // longest wait after a failed transaction or dial; default 8 s (as Open vSwitch's own)

	MaxMessageBytes int // one JSON message; default 16 MiB (about 25,000 interfaces)
	MaxStateBytes   int // what is kept of one host's database; default 64 MiB
	MaxRows         int // rows kept of one host's database; default 200,000
	MaxSessions     int // connections per listener; default 8,192
	MaxPending      int // connections per listener that are not identified yet; beyond it the oldest is closed; default 512
	MaxPendingBytes int // bytes that connections not identified yet may hold together; default 256 MiB

	KeepIDs []string // external_ids keys of foreign interfaces that Interface.ExternalIDs should show
}

func (c Config) withDefaults() (Config, error) {
	if c.Log == nil {
		c.Log = logrus.NewEntry(logrus.StandardLogger())
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		by    time.Duration
	}{
		{"IdentifyTimeout", &c.IdentifyTimeout, 10 * time.Second},
		{"ProbeInterval", &c.ProbeInterval, 5 * time.Second},
		{"ProbeTimeout", &c.ProbeTimeout, 15 * time.Second},
		{"MessageTimeout", &c.MessageTimeout, 30 * time.Second},
		{"ReplyTimeout", &c.ReplyTimeout, 30 * time.Second},
		{"RetryMin", &c.RetryMin, 200 * time.Millisecond},
		{"RetryMax", &c.RetryMax, 8 * time.Second},
	} {
		if *d.value < 0 {
			return c, fmt.Errorf("ovsdb config: %s is negative", d.name)
		}
		if *d.value == 0 {
			*d.value = d.by
		}
	}
	for _, n := range []struct {
		name  string
		value *int
		by    int
	}{
		{"MaxMessageBytes", &c.MaxMessageBytes, 16 << 20},
		{"MaxStateBytes", &c.MaxStateBytes, 64 << 20},
		{"MaxRows", &c.MaxRows, 200_000},
		{"MaxSessions", &c.MaxSessions, 8192},
		{"MaxPending", &c.MaxPending, 512},
		{"MaxPendingBytes", &c.MaxPendingBytes, 256 << 20},
	} {
		if *n.value < 0 {
			return c, fmt.Errorf("ovsdb config: %s is negative", n.name)
		}
		if *n.value == 0 {
			*n.value = n.by
		}
	}
	if c.ProbeTimeout <= c.ProbeInterval {
		return c, fmt.Errorf("ovsdb config: ProbeTimeout %s is not longer than ProbeInterval %s", c.ProbeTimeout, c.ProbeInterval)
	}
	return c, nil
}
