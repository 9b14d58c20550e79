package model

import "slices"

// simpler are those that lack one thing of what routers have outside, and what cannot be without it.
func (o Outside) simpler() []Outside {
	var all []Outside
	for _, g := range o.Gateways {
		all = append(all, o.unless(func(router, _ int) bool { return router == g.Router }))
	}
	for i := range o.Floats {
		all = append(all, o.withoutFloat(i))
	}
	for i := range o.Forwards {
		less := o
		less.Forwards = without(o.Forwards, i)
		all = append(all, less)
	}
	for i, r := range o.Rules {
		less := o
		less.Rules = without(o.Rules, i)
		all = append(all, less)
		if len(r.Blocks)+len(r.Exempted) > 0 {
			less.Rules = slices.Clone(o.Rules)
			less.Rules[i].Blocks, less.Rules[i].Exempted = nil, nil
			all = append(all, less)
		}
	}
	return all
}

// withoutRouter is what is left without a router: those after it get its number and theirs.
func (o Outside) withoutRouter(gone int) Outside {
	o = o.unless(func(router, _ int) bool { return router == gone })
	for i := range o.Gateways {
		o.Gateways[i].Router = after(o.Gateways[i].Router, gone)
	}
	for i := range o.Floats {
		o.Floats[i].Router = after(o.Floats[i].Router, gone)
	}
	for i := range o.Forwards {
		o.Forwards[i].Router = after(o.Forwards[i].Router, gone)
	}
	for i := range o.Rules {
		o.Rules[i].Router = after(o.Rules[i].Router, gone)
	}
	return o
}

// withoutPort is what is left without a port.
func (o Outside) withoutPort(gone int) Outside {
	o = o.unless(func(_, port int) bool { return port == gone })
	for i := range o.Floats {
		o.Floats[i].Port = after(o.Floats[i].Port, gone)
	}
	for i := range o.Forwards {
		o.Forwards[i].Port = after(o.Forwards[i].Port, gone)
	}
	return o
}

// withoutFloat is what is left without a floating IP.
func (o Outside) withoutFloat(gone int) Outside {
	ip := o.Floats[gone].IP
	o.Floats = without(o.Floats, gone)
	o.Forwards = slices.DeleteFunc(slices.Clone(o.Forwards), func(w Forward) bool { return w.Float == gone })
	for i := range o.Forwards {
		o.Forwards[i].Float = after(o.Forwards[i].Float, gone)
	}
	o.Rules = slices.DeleteFunc(slices.Clone(o.Rules), func(r NATRule) bool { return r.External == ip })
	return o
}

// unless is a copy without the things of some routers, and of some ports; of no port where a thing has none.
func (o Outside) unless(gone func(router, port int) bool) Outside {
	o.Gateways = slices.DeleteFunc(slices.Clone(o.Gateways), func(g Gateway) bool { return gone(g.Router, Lost) })
	for i := len(o.Floats) - 1; i >= 0; i-- {
		if gone(o.Floats[i].Router, o.Floats[i].Port) {
			o = o.withoutFloat(i)
		}
	}
	o.Floats = slices.Clone(o.Floats)
	o.Forwards = slices.DeleteFunc(slices.Clone(o.Forwards), func(w Forward) bool { return gone(w.Router, w.Port) })
	o.Rules = slices.DeleteFunc(slices.Clone(o.Rules), func(r NATRule) bool { return gone(r.Router, Lost) })
	return o
}

// after is the number of a thing when another one is gone.
func after(i, gone int) int {
	if i > gone {
		return i - 1
	}
	return i
}
