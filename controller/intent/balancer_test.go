package intent

import (
	"strings"
	"testing"
)

// balancing is what load balancers are tried upon.
const balancing = `
network/red/web
subnet/red/web4 network:"web" cidr:"10.0.0.0/24"
port/red/vip network:"web" fixed_ips:{ip:"10.0.0.100"}
port/red/vip2 network:"web"
port/red/joined network:"web"
port/red/parent network:"web"
port/red/bare network:"web" no_fixed_ips:true
port/blue/other network:"other"
network/blue/other
trunk/red/t port:"parent"
router/red/r interfaces:{port:"joined"}
pool/red/servers members:{address:"10.0.0.5" port:80}
pool/blue/servers
loadbalancer/red/shop port:"vip"
listener/red/http load_balancer:"shop" protocol:"tcp" ports:"80-89" pool:"servers"
`

func TestBalancerViolations(t *testing.T) {
	listener := func(spec, want string) [2]string {
		return [2]string{`listener/red/x load_balancer:"shop" protocol:"tcp" ports:"90" ` + spec, `listener/red/x: spec.` + want}
	}
	member := func(spec, want string) [2]string {
		return [2]string{`pool/red/x members:{address:"10.0.0.5"} members:{` + spec + `}`, `pool/red/x: spec.members[1]` + want}
	}
	for _, tt := range [][2]string{
		{`loadbalancer/red/x`, `loadbalancer/red/x: spec.port: is missing`},
		{`loadbalancer/red/x port:"blue/other"`, `loadbalancer/red/x: spec.port: "blue/other" is another project's`},
		{`loadbalancer/red/x port:"nope"`, `loadbalancer/red/x: spec.port: port "nope" does not exist`},
		{`loadbalancer/red/x port:"vip"`, `loadbalancer/red/x: spec.port: port "vip" is that of loadbalancer/red/shop`},
		{`loadbalancer/red/x port:"joined"`, `loadbalancer/red/x: spec.port: port "joined" is an interface of router/red/r`},
		{`loadbalancer/red/x port:"parent"`, `loadbalancer/red/x: spec.port: port "parent" is in trunk/red/t`},
		{`loadbalancer/red/x port:"bare"`, `loadbalancer/red/x: spec.port: port "bare" has no addresses`},
		{`loadbalancer/red/shop port:"vip2"`, `loadbalancer/red/shop: spec.port: cannot be changed from vip to vip2; delete the loadbalancer and make it again`},
		{`trunk/red/x port:"vip"`, `trunk/red/x: spec.port: port "vip" is that of loadbalancer/red/shop`},
		{`router/red/x interfaces:{port:"vip"}`, `router/red/x: spec.interfaces[0].port: port "vip" is used by loadbalancer/red/shop`},
		{`listener/red/x protocol:"tcp" ports:"90"`, `listener/red/x: spec.loadBalancer: is missing`},
		{`listener/red/x load_balancer:"shop" ports:"90"`, `listener/red/x: spec.protocol: is missing`},
		{`listener/red/x load_balancer:"shop" protocol:"tpc" ports:"90"`, `listener/red/x: spec.protocol: "tpc" is neither tcp nor udp, did you mean "tcp"?`},
		{`listener/red/x load_balancer:"shop" protocol:"sctp" ports:"90"`, `listener/red/x: spec.protocol: is sctp, whose connections Open vSwitch does not track without the kernel; tcp and udp can be balanced`},
		{`listener/red/x load_balancer:"shop" protocol:"tcp"`, `listener/red/x: spec.ports: are missing`},
		{`listener/red/x load_balancer:"shop" protocol:"tcp" ports:"89-90"`, `listener/red/x: spec.ports: 89-90 of loadbalancer/red/shop are those of listener/red/http (80-89)`},
		listener(`pool:"blue/servers"`, `pool: "blue/servers" is another project's`),
		listener(`on_empty:"ignore"`, `onEmpty: "ignore" is neither reject nor drop`),
		listener(`pool:"nope"`, `pool: pool "nope" does not exist`),
		listener(`allowed_cidrs:"10.0.0.0/8" allowed_cidrs:"10.0.0.1/8"`, `allowedCidrs[1]: 10.0.0.1/8 has host bits set; the block is 10.0.0.0/8`),
		{`pool/red/x algorithm:"ROUND_ROBIN"`, `pool/red/x: spec.algorithm: ROUND_ROBIN is not there: hosts choose by themselves, without knowing of each other's choices; FLOW_HASH, SOURCE_IP and SOURCE_IP_PORT spread in proportion to weights`},
		{`pool/red/x algorithm:"SOURCEIP"`, `pool/red/x: spec.algorithm: "SOURCEIP" is none of FLOW_HASH, SOURCE_IP and SOURCE_IP_PORT, did you mean "SOURCE_IP"?`},
		{`pool/red/x session_persistence:{}`, `pool/red/x: spec.sessionPersistence.type: is missing; SOURCE_IP is there`},
		{`pool/red/x session_persistence:{type:"HTTP_COOKIE"}`, `pool/red/x: spec.sessionPersistence.type: HTTP_COOKIE is not there: hosts do not look into connections; SOURCE_IP remembers clients by their addresses`},
		{`pool/red/x session_persistence:{type:"SOURCE"}`, `pool/red/x: spec.sessionPersistence.type: "SOURCE" is not SOURCE_IP`},
		{`pool/red/x session_persistence:{type:"SOURCE_IP" timeout:65536}`, `pool/red/x: spec.sessionPersistence.timeout: 65536 is more than 65535 seconds`},
		{`pool/red/x algorithm:"SOURCE_IP_PORT" session_persistence:{type:"SOURCE_IP"}`, `pool/red/x: spec.sessionPersistence: does not go with algorithm SOURCE_IP_PORT, by which a client's ports have members of their own`},
		{`pool/red/x ` + strings.Repeat(`members:{address:"10.0.0.5"} `, 257), `pool/red/x: spec.members: are 257; at most 256`},
		member(``, `.address: is missing`),
		member(`address:"10.0.0"`, `.address: "10.0.0" is not an IP address`),
		member(`address:"10.0.0.6" port:65536`, `.port: 65536 is no port: they end at 65535`),
		member(`address:"10.0.0.6" weight:257`, `.weight: 257 is not between 0 and 256`),
		member(`address:"10.0.0.6" name:"a b"`, `.name: "a b" has the character ' '; only a–z, A–Z, 0–9, '.', '_' and '-' may be in it`),
		member(`address:"10.0.0.5" name:"twice"`, `.address: 10.0.0.5:0 is that of members[0]`),
		member(`address:"10.0.0.6" name:"10.0.0.5"`, `.name: "10.0.0.5" is that of members[0]`),
	} {
		t.Run(tt[0][:min(len(tt[0]), 60)], func(t *testing.T) { refuses(t, with(t, balancing), all(tt[0]), tt[1]) })
	}
}

// What load balancers use cannot be taken away under them.
func TestBalancerUses(t *testing.T) {
	for key, want := range map[string]string{
		"port/red/vip":          "loadbalancer/red/shop",
		"loadbalancer/red/shop": "listener/red/http",
		"pool/red/servers":      "listener/red/http",
	} {
		k, err := ParseKey(key)
		if err != nil {
			t.Fatal(err)
		}
		c := with(t, balancing)
		if _, _, err := c.Delete(t.Context(), []Key{k}, false, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("delete %s: %v, want that %s uses it", key, err, want)
		}
		if _, gone, err := c.Delete(t.Context(), []Key{k}, true, nil); err != nil || gone[len(gone)-1] != k {
			t.Errorf("delete %s and what uses it: %v, %v", key, gone, err)
		}
	}
}
