package flow

import (
	"errors"
	"strings"
)

// Errors in the text of groups and meters.
var (
	errNoNumber  = errors.New("the number is missing")
	errNoType    = errors.New("the type is missing")
	errSelection = errors.New("OpenFlow 1.3 does not say how a group chooses: Open vSwitch hashes addresses, protocol and ports")
	errNoBands   = errors.New("the bands are missing")
	errNoUnit    = errors.New(`"kbps" or "pktps" is missing`)
	errDropOnly  = errors.New("bands drop, and nothing else")
)

// groupTypes are the names of the types of groups, in their order.
var groupTypes = []string{"all", "select", "indirect", "ff"}

// ParseGroup reads a group in ovs-ofctl's syntax: "group_id=1,type=select,bucket=weight:2,actions=output:1,bucket=output:2".
func (w Words) ParseGroup(text string) (Group, error) {
	all := token{text, 0, &w}
	list, err := all.split(", \t\n")
	if err != nil {
		return Group{}, err
	}
	var id uint64
	typ, given := -1, false
	var buckets []Bucket
	for i := 0; i < len(list); i++ {
		key, value, _ := list[i].cut("=")
		switch key.text {
		case "group_id":
			id, err = value.number(32)
			given = true
		case "type":
			typ, err = value.groupType()
		case "selection_method", "selection_method_param", "fields":
			err = key.fail(errSelection)
		case "bucket":
			end := i + 1
			for end < len(list) && !strings.HasPrefix(list[end].text, "bucket=") {
				end++
			}
			var b Bucket
			b, err = all.sub(value.at, list[end-1].at+len(list[end-1].text)).bucketOf()
			buckets = append(buckets, b)
			i = end - 1
		default:
			err = list[i].fail(errUnknownWord)
		}
		if err != nil {
			return Group{}, err
		}
	}
	switch {
	case !given:
		return Group{}, all.fail(errNoNumber)
	case typ < 0:
		return Group{}, all.fail(errNoType)
	}
	return NewGroup(uint32(id), GroupType(typ), buckets)
}

func (t token) groupType() (int, error) {
	for i, name := range groupTypes {
		if t.text == name || t.text == "fast_failover" && name == "ff" {
			return i, nil
		}
	}
	return -1, t.fail(errBadValue)
}

// bucketOf reads one bucket: what it says of itself, then its actions, before which "actions=" may stand.
func (t token) bucketOf() (Bucket, error) {
	var b Bucket
	for rest := t; ; {
		if do, ok := strings.CutPrefix(rest.text, "actions="); ok {
			rest = rest.sub(len(rest.text)-len(do), len(rest.text))
			var err error
			b.Actions, err = rest.actions(1)
			return b, err
		}
		word, after, more := rest.cut(",")
		key, value, _ := word.cut(":")
		var v uint64
		var err error
		switch key.text {
		case "weight":
			v, err = value.number(16)
			b.Weight = uint16(v)
		case "watch_port":
			b.WatchPort, err = value.port()
		case "watch_group":
			v, err = value.number(32)
			b.WatchGroup = uint32(v)
		case "bucket_id": // of a dump; a switch numbers them by itself
		default:
			b.Actions, err = rest.actions(1)
			return b, err
		}
		if err != nil || !more {
			return b, err
		}
		rest = after
	}
}

// String returns the group as ParseGroup reads it.
func (g Group) String() string { return g.Text(Names{}) }

// Text is String with names.
func (g Group) Text(names Names) string {
	p := printer{names: &names}
	p.str("group_id=")
	p.dec(uint64(g.ID))
	p.str(",type=", groupTypes[g.Type&3])
	buckets, err := g.ParseBuckets()
	if err != nil {
		p.str(",<", err.Error(), ">")
	}
	for _, b := range buckets {
		p.str(",bucket=")
		if g.Type == Select {
			p.str("weight:")
			p.dec(uint64(b.Weight))
			p.comma()
		}
		if b.WatchPort != 0 {
			p.str("watch_port:")
			p.port(b.WatchPort)
			p.comma()
		}
		if b.WatchGroup != 0 {
			p.str("watch_group:")
			p.dec(uint64(b.WatchGroup))
			p.comma()
		}
		p.str("actions=")
		p.actions(b.Actions)
	}
	return string(p.b)
}

// ParseMeterText reads a meter in ovs-ofctl's syntax: "meter=1,kbps,burst,bands=type=drop,rate=1000,burst_size=100".
func ParseMeterText(text string) (Meter, error) {
	all := token{text: text}
	list, err := all.split(", \t\n")
	if err != nil {
		return Meter{}, err
	}
	var id uint64
	var flags MeterFlags
	var bands []Band
	for _, w := range list {
		key, value, _ := w.cut("=")
		if key.text == "band" || key.text == "bands" {
			bands = append(bands, Band{})
			key, value, _ = value.cut("=")
		}
		var v uint64
		switch flag := meterFlags[w.text]; {
		case flag != 0:
			flags |= flag
		case key.text == "meter" || key.text == "meter_id":
			id, err = value.number(32)
		case len(bands) == 0:
			err = w.fail(errUnknownWord)
		case key.text == "":
		case key.text == "type":
			if value.text != "drop" {
				err = value.fail(errDropOnly)
			}
		case key.text == "rate":
			v, err = value.number(32)
			bands[len(bands)-1].Rate = uint32(v)
		case key.text == "burst_size":
			v, err = value.number(32)
			bands[len(bands)-1].Burst = uint32(v)
			flags |= MeterBurst
		default:
			err = w.fail(errUnknownWord)
		}
		if err != nil {
			return Meter{}, err
		}
	}
	switch {
	case id == 0:
		return Meter{}, all.fail(errNoNumber)
	case len(bands) == 0:
		return Meter{}, all.fail(errNoBands)
	case flags&(MeterKbps|MeterPktps) == 0:
		return Meter{}, all.fail(errNoUnit)
	}
	return NewMeter(uint32(id), flags, bands)
}

// meterFlags are the flags of meters by name. It is never written.
var meterFlags = map[string]MeterFlags{"kbps": MeterKbps, "pktps": MeterPktps, "burst": MeterBurst, "stats": MeterStats}

// String returns the meter as ParseMeterText reads it.
func (m Meter) String() string {
	p := printer{}
	p.str("meter=")
	p.dec(uint64(m.ID))
	for _, name := range [...]string{"kbps", "pktps", "burst", "stats"} {
		if m.Flags&meterFlags[name] != 0 {
			p.str(",", name)
		}
	}
	bands, err := m.ParseBands()
	if err != nil {
		p.str(",<", err.Error(), ">")
	}
	for i, b := range bands {
		if p.str(",band"); i == 0 {
			p.str("s")
		}
		p.str("=type=drop,rate=")
		p.dec(uint64(b.Rate))
		if m.Flags&MeterBurst != 0 {
			p.str(",burst_size=")
			p.dec(uint64(b.Burst))
		}
	}
	return string(p.b)
}
