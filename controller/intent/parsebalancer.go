package intent

import (
	"errors"
	"fmt"
	"math"
	"net/netip"

	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// Most elements of the lists of listeners and pools.
const (
	maxPoolMembers  = 256
	maxMemberWeight = 256
	maxAllowed      = 256
)

// persistSeconds is for how long clients are remembered where no timeout is given: Kubernetes' default.
const persistSeconds = 10800

// algorithms of pools, by name.
var algorithms = map[string]Algorithm{"": FlowHash, "FLOW_HASH": FlowHash, "SOURCE_IP": SourceIP, "SOURCE_IP_PORT": SourceIPPort}

// balanced are the protocols whose connections load balancers spread.
var balanced = map[string]uint8{"tcp": protoTCP, "udp": protoUDP}

func (t *txn) parseListener(d *draft, spec *weftv1.ListenerSpec) {
	f := &d.listener
	f.balancer = t.parseRef(d, "spec.loadBalancer", KindLoadBalancer, spec.GetLoadBalancer())
	if f.balancer.Project != d.key.Project && !d.bad {
		t.refuse(d, "spec.loadBalancer", ReasonInvalid, "%q is another project's", spec.GetLoadBalancer())
	}
	if spec.GetPool() != "" {
		f.pool = t.parseRef(d, "spec.pool", KindPool, spec.GetPool())
		if f.pool.Project != d.key.Project {
			t.refuse(d, "spec.pool", ReasonInvalid, "%q is another project's", spec.GetPool())
		}
	}
	var ok bool
	switch f.protocol, ok = balanced[spec.GetProtocol()]; {
	case ok:
	case spec.GetProtocol() == "":
		t.refuse(d, "spec.protocol", ReasonInvalid, "is missing")
	case spec.GetProtocol() == "sctp":
		t.refuse(d, "spec.protocol", ReasonInvalid, "is sctp, whose connections Open vSwitch does not track without the kernel; tcp and udp can be balanced")
	default:
		t.refuse(d, "spec.protocol", ReasonInvalid, "%q is neither tcp nor udp%s", spec.GetProtocol(), didYouMean(spec.GetProtocol(), []string{"tcp", "udp"}))
	}
	var err error
	if f.ports, err = parsePorts(spec.GetPorts()); err != nil {
		t.refuse(d, "spec.ports", ReasonInvalid, "%v", err)
	}
	if s := spec.GetOnEmpty(); s != "" && s != "reject" && s != "drop" {
		t.refuse(d, "spec.onEmpty", ReasonInvalid, "%q is neither reject nor drop%s", s, didYouMean(s, []string{"reject", "drop"}))
	}
	if n := len(spec.GetAllowedCidrs()); n > maxAllowed {
		t.refuse(d, "spec.allowedCidrs", ReasonInvalid, "are %s; at most %s", reported(n), reported(maxAllowed))
		return
	}
	for i, s := range spec.GetAllowedCidrs() {
		if _, err := parseAddresses(s); err != nil {
			t.refuse(d, indexed("spec.allowedCidrs", i, ""), ReasonInvalid, "%v", err)
		}
	}
}

// parseBalancedPool reads a pool of servers.
func (t *txn) parseBalancedPool(d *draft, spec *weftv1.PoolSpec) {
	t.parseChoice(d, spec)
	if n := len(spec.GetMembers()); n > maxPoolMembers {
		t.refuse(d, "spec.members", ReasonInvalid, "are %s; at most %s", reported(n), reported(maxPoolMembers))
		return
	}
	names, ends := map[string]int{}, map[netip.AddrPort]int{}
	for i, given := range spec.GetMembers() {
		m, err := poolMemberOf(given)
		var at ruleError
		if errors.As(err, &at) {
			t.refuse(d, indexed("spec.members", i, "."+at.field), ReasonInvalid, "%v", at.error)
			continue
		}
		if first, twice := names[m.Name]; twice {
			t.refuse(d, indexed("spec.members", i, ".name"), ReasonInvalid, "%q is that of members[%d]", m.Name, first)
		}
		end := netip.AddrPortFrom(m.IP, m.Port)
		if first, twice := ends[end]; twice {
			t.refuse(d, indexed("spec.members", i, ".address"), ReasonInvalid, "%s is that of members[%d]", end, first)
		}
		names[m.Name], ends[end] = i, i
	}
}

// parseChoice reads how a pool's connections find their members.
func (t *txn) parseChoice(d *draft, spec *weftv1.PoolSpec) {
	given := spec.GetAlgorithm()
	switch _, known := algorithms[given]; {
	case known:
	case given == "ROUND_ROBIN" || given == "LEAST_CONNECTIONS":
		t.refuse(d, "spec.algorithm", ReasonInvalid, "%s is not there: hosts choose by themselves, without knowing of each other's choices; FLOW_HASH, SOURCE_IP and SOURCE_IP_PORT spread in proportion to weights", given)
	default:
		t.refuse(d, "spec.algorithm", ReasonInvalid, "%q is none of FLOW_HASH, SOURCE_IP and SOURCE_IP_PORT%s", given, didYouMean(given, []string{"FLOW_HASH", "SOURCE_IP", "SOURCE_IP_PORT"}))
	}
	p := spec.GetSessionPersistence()
	if p == nil {
		return
	}
	switch p.GetType() {
	case "SOURCE_IP":
	case "":
		t.refuse(d, "spec.sessionPersistence.type", ReasonInvalid, "is missing; SOURCE_IP is there")
	case "HTTP_COOKIE", "APP_COOKIE":
		t.refuse(d, "spec.sessionPersistence.type", ReasonInvalid, "%s is not there: hosts do not look into connections; SOURCE_IP remembers clients by their addresses", p.GetType())
	default:
		t.refuse(d, "spec.sessionPersistence.type", ReasonInvalid, "%q is not SOURCE_IP%s", p.GetType(), didYouMean(p.GetType(), []string{"SOURCE_IP"}))
	}
	if p.GetTimeout() > math.MaxUint16 {
		t.refuse(d, "spec.sessionPersistence.timeout", ReasonInvalid, "%d is more than %d seconds", p.GetTimeout(), math.MaxUint16)
	}
	if algorithms[given] == SourceIPPort {
		t.refuse(d, "spec.sessionPersistence", ReasonInvalid, "does not go with algorithm SOURCE_IP_PORT, by which a client's ports have members of their own")
	}
}

// poolMemberOf reads a member of a pool; the error is a ruleError.
func poolMemberOf(given *weftv1.PoolMember) (PoolMember, error) {
	m := PoolMember{Name: given.GetName(), Port: uint16(given.GetPort()), Weight: 1, Backup: given.GetBackup(), Up: unlessSaid(given.AdminStateUp)}
	if given.GetAddress() == "" {
		return m, ruleError{"address", errors.New("is missing")}
	}
	var err error
	if m.IP, err = parseIP(given.GetAddress()); err != nil {
		return m, ruleError{"address", err}
	}
	if given.GetPort() > 65535 {
		return m, ruleError{"port", fmt.Errorf("%d is no port: they end at 65535", given.GetPort())}
	}
	if given.GetMonitorPort() > 65535 {
		return m, ruleError{"monitorPort", fmt.Errorf("%d is no port: they end at 65535", given.GetMonitorPort())}
	}
	m.Probed = uint16(given.GetMonitorPort())
	if given.Weight != nil {
		if given.GetWeight() > maxMemberWeight {
			return m, ruleError{"weight", fmt.Errorf("%d is not between 0 and %d", given.GetWeight(), maxMemberWeight)}
		}
		m.Weight = uint16(given.GetWeight())
	}
	if m.Name == "" {
		m.Name = m.IP.String()
		if m.Port != 0 {
			m.Name = netip.AddrPortFrom(m.IP, m.Port).String()
		}
	} else if problem := nameProblem(m.Name); problem != "" {
		return m, ruleError{"name", errors.New(problem)}
	}
	return m, nil
}
