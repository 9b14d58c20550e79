package apps_test

import (
	"fmt"
	"net/netip"

	"github.com/weft-sdn/weft/controller/intent"
)

var poolKey = intent.Key{Kind: intent.KindPool, Project: "red", Name: "pool"}

// balancer is one of two load balancers, at any port.
func balancer(e edit) intent.LoadBalancer {
	n := e.Net % 2
	return intent.LoadBalancer{Key: intent.Key{Kind: intent.KindLoadBalancer, Project: "red", Name: fmt.Sprint("lb", n)}, Tag: uint32(200 + n), Port: portKey(e.Port), Up: e.Flag}
}

// poolListener is one of two listeners of one of the load balancers.
func poolListener(e edit) intent.PoolListener {
	at := e.Alt % 2
	l := intent.PoolListener{
		Key: intent.Key{Kind: intent.KindListener, Project: "red", Name: fmt.Sprint("l", at)}, Tag: uint32(210 + at), Balancer: balancer(e).Key,
		Protocol: []uint8{6, 17}[at], Ports: intent.PortRange{First: uint16(80 + 10*at), Last: uint16(80 + 11*at)}, Pool: poolKey, Up: true,
	}
	if e.Flag {
		l.Allowed = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::/0")}
	}
	return l
}

// serverPool is the pool of both, with members at addresses that ports have, or none has.
func serverPool(e edit) intent.Pool {
	p := intent.Pool{Key: poolKey, Algorithm: intent.Algorithm((e.Net + e.Host + 1) % 3)}
	if e.Flag && p.Algorithm == intent.SourceIP {
		p.Persist = 600
	}
	for i := range 1 + e.Host {
		for _, ip := range port(i, 0, true, true, e.Alt).IPs {
			p.Members = append(p.Members, intent.PoolMember{
				Name: ip.String(), IP: ip, Port: uint16(8080 * (e.Alt % 2)), Weight: uint16(i + e.Net%2), Backup: i == 2, Up: e.Port%3 != i,
			})
		}
	}
	return p
}

// healthMonitor is the one of the pool, of any type.
func healthMonitor(e edit) intent.HealthMonitor {
	return intent.HealthMonitor{
		Key: intent.Key{Kind: intent.KindHealthMonitor, Project: "red", Name: "m"}, Pool: poolKey, Up: e.Flag || e.Host > 0,
		Type: []string{intent.MonitorTCP, intent.MonitorUDP, intent.MonitorPing, intent.MonitorHTTP}[e.Alt],
	}
}

// health is what has been found of a member of the pool.
func health(e edit) intent.Health {
	m := serverPool(e).Members[e.Port%2]
	return intent.Health{Key: intent.HealthKey{Pool: poolKey, Member: m.Name}, At: netip.AddrPortFrom(m.IP, m.Port), State: intent.HealthState(e.Net % 3)}
}
