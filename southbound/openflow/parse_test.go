package openflow_test

import (
	"fmt"

	. "github.com/weft-sdn/weft/southbound/flow"
	of "github.com/weft-sdn/weft/southbound/openflow"
)

// parse reads a message with the parser for it, and for a reply of entries returns the first. It also writes what it read
// again.
func parse(m of.Message) (got any, again []byte, err error) {
	b := []byte(nil)
	switch m.Type {
	case of.TypeHello:
		v, err := of.ParseHello(m)
		return v, of.AppendHello(b, m.XID, v.Versions), err
	case of.TypeError:
		v, err := of.ParseError(m)
		if err != nil {
			return nil, nil, err
		}
		return *v, of.AppendError(b, m.Version, v), nil
	case of.TypeFeaturesReply:
		v, err := of.ParseFeatures(m)
		return v, of.AppendFeatures(b, m.XID, v), err
	case of.TypeSetConfig, of.TypeGetConfigReply:
		v, err := of.ParseConfig(m)
		return v, of.AppendConfig(b, m.Type, m.XID, v), err
	case of.TypePacketIn:
		v, err := of.ParsePacketIn(m)
		return v, of.AppendPacketIn(b, m.XID, &v), err
	case of.TypePacketOut:
		v, err := of.ParsePacketOut(m)
		return v, of.AppendPacketOut(b, m.XID, &v), err
	case of.TypeFlowMod:
		v, err := of.ParseFlowMod(m)
		return v, of.AppendFlowMod(b, m.XID, &v), err
	case of.TypeFlowRemoved:
		v, err := of.ParseFlowRemoved(m)
		return v, of.AppendFlowRemoved(b, m.XID, &v), err
	case of.TypeGroupMod:
		v, err := of.ParseGroupMod(m)
		return v, of.AppendGroupMod(b, m.XID, &v), err
	case of.TypeMeterMod:
		v, err := of.ParseMeterMod(m)
		return v, of.AppendMeterMod(b, m.XID, &v), err
	case of.TypePortMod:
		v, err := of.ParsePortMod(m)
		return v, of.AppendPortMod(b, m.XID, v), err
	case of.TypePortStatus:
		v, err := of.ParsePortStatus(m)
		return v, of.AppendPortStatus(b, m.XID, &v), err
	case of.TypeRoleRequest, of.TypeRoleReply:
		v, err := of.ParseRole(m)
		return v, of.AppendRole(b, m.Type, m.XID, v), err
	case of.TypeSetAsync, of.TypeGetAsyncReply:
		v, err := of.ParseAsync(m)
		return v, of.AppendAsync(b, m.Type, m.XID, v), err
	case of.TypeExperimenter:
		return parseExperimenter(m)
	case of.TypeMultipartRequest, of.TypeMultipartReply:
		return parseMultipart(m)
	}
	return nil, m.Append(nil), nil
}

func parseExperimenter(m of.Message) (got any, again []byte, err error) {
	b := []byte(nil)
	e, err := of.ParseExperimenter(m)
	if err != nil {
		return nil, nil, err
	}
	switch e.Kind() {
	case of.SetPacketInFormat:
		v, err := of.ParseSetPacketInFormat(e)
		return v, of.AppendSetPacketInFormat(b, m.XID, v), err
	case of.SetControllerID:
		v, err := of.ParseSetControllerID(e)
		return v, of.AppendSetControllerID(b, m.XID, v), err
	case of.TLVTableMod:
		c, v, err := of.ParseTLVTableMod(e)
		return v, of.AppendTLVTableMod(b, m.XID, c, v), err
	case of.TLVTableReply:
		v, err := of.ParseTLVTable(e)
		return v, of.AppendTLVTable(b, m.XID, &v), err
	case of.PacketIn2:
		v, err := of.ParsePacketIn(m)
		return v, of.AppendPacketIn2(b, m.XID, &v), err
	case of.Resume:
		v, err := of.ParsePacketIn(m)
		return v, of.AppendResume(b, m.XID, &v), err
	case of.CTFlushZone:
		v, err := of.ParseCTFlushZone(e)
		return v, of.AppendCTFlushZone(b, m.XID, v), err
	case of.CTFlush:
		v, err := of.ParseCTFlush(e)
		return v, of.AppendCTFlush(b, m.XID, &v), err
	case of.BundleControlMessage:
		v, err := of.ParseBundleControl(e)
		return v, of.AppendBundleControl(b, m.XID, v), err
	case of.BundleAddMessage:
		v, err := of.ParseBundleAdd(e)
		if err != nil {
			return nil, nil, err
		}
		return v, m.Append(b), nil
	}
	return nil, m.Append(nil), nil
}

// entries writes a reply with the entries of another, read one by one, and returns the first too.
func entries[E any](r *of.Reply, body []byte, next func([]byte) (E, []byte, error), appendEntry func([]byte, E) []byte) (any, []byte, error) {
	var first any
	for len(body) > 0 {
		e, rest, err := next(body)
		if err != nil {
			return nil, nil, err
		}
		if len(rest) >= len(body) {
			return nil, nil, fmt.Errorf("an entry of no bytes")
		}
		if first == nil {
			first = e
		}
		r.Entry(func(b []byte) []byte { return appendEntry(b, e) })
		body = rest
	}
	return first, r.End(), nil
}

func parseMultipart(m of.Message) (got any, again []byte, err error) {
	p, err := of.ParseMultipart(m)
	if err != nil {
		return nil, nil, err
	}
	if m.Type == of.TypeMultipartRequest {
		return parseRequest(m, p)
	}
	r := of.BeginReply(nil, m.XID, p.Type)
	switch {
	case p.IsMonitor():
		return entries(of.BeginMonitorReply(nil, m.XID), p.Body, of.NextFlowUpdate, func(b []byte, u of.FlowUpdate) []byte { return of.AppendFlowUpdate(b, &u) })
	case p.Type == of.MultipartFlow:
		next := func(b []byte) (of.FlowStats, []byte, error) {
			var s of.FlowStats
			rest, err := s.Next(b)
			return s, rest, err
		}
		return entries(r, p.Body, next, func(b []byte, s of.FlowStats) []byte { return of.AppendFlowStats(b, &s) })
	case p.Type == of.MultipartPortDesc:
		return entries(r, p.Body, of.NextPort, func(b []byte, e of.Port) []byte { return of.AppendPort(b, &e) })
	case p.Type == of.MultipartTable:
		return entries(r, p.Body, of.NextTableStats, of.AppendTableStats)
	case p.Type == of.MultipartGroupDesc:
		return entries(r, p.Body, of.NextGroupDesc, func(b []byte, e Group) []byte { return of.AppendGroupDesc(b, &e) })
	case p.Type == of.MultipartMeterConfig:
		return entries(r, p.Body, of.NextMeterConfig, func(b []byte, e Meter) []byte { return of.AppendMeterConfig(b, &e) })
	case p.Type == of.MultipartDesc:
		v, err := of.ParseDesc(p.Body)
		return v, of.AppendDesc(nil, m.XID, &v), err
	case p.Type == of.MultipartAggregate:
		v, err := of.ParseAggregate(p.Body)
		return v, of.AppendAggregate(nil, m.XID, v), err
	case p.Type == of.MultipartGroupFeatures:
		v, err := of.ParseGroupFeatures(p.Body)
		return v, of.AppendGroupFeatures(nil, m.XID, &v), err
	case p.Type == of.MultipartMeterFeatures:
		v, err := of.ParseMeterFeatures(p.Body)
		return v, of.AppendMeterFeatures(nil, m.XID, v), err
	}
	return nil, m.Append(nil), nil
}

func parseRequest(m of.Message, p of.Multipart) (got any, again []byte, err error) {
	switch {
	case p.IsMonitor():
		v, _, err := of.NextMonitorRequest(p.Body)
		return v, of.AppendMonitorRequest(nil, m.XID, &v), err
	case p.Type == of.MultipartFlow, p.Type == of.MultipartAggregate:
		v, err := of.ParseFlowRequest(p.Body)
		return v, of.AppendFlowRequest(nil, m.XID, p.Type, &v), err
	case p.Type == of.MultipartMeterConfig:
		v, err := of.ParseMeterConfigRequest(p.Body)
		return nil, of.AppendMeterConfigRequest(nil, m.XID, v), err
	}
	return nil, m.Append(nil), nil
}
