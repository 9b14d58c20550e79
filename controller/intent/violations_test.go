package intent

// violations are requests on top of base, and what is said of them.
var violations = []struct{ name, apply, want string }{
	{"twice", "network/red/x\nnetwork/red/x", `network/red/x: is in the request twice, at resources[0] and resources[1]`},
	{"all at once, in order", `port/red/a network:"wbe"
		subnet/red/b network:"web" cidr:"x"
		network/red/c type:"vxlna"`,
		`port/red/a: spec.network: network "wbe" does not exist, did you mean "web"?
subnet/red/b: spec.cidr: "x" is not a CIDR, such as 10.0.0.0/24
network/red/c: spec.type: "vxlna" is none of vxlan, geneve, gre, did you mean "vxlan"?`},

	{"network type", `network/red/x type:"vlan"`, `network/red/x: spec.type: "vlan" is none of vxlan, geneve, gre, did you mean "vxlan"?`},
	{"network id too large", `network/red/x segmentation_id:16777216`, `network/red/x: spec.segmentationId: 16,777,216 is too large for vxlan: at most 16,777,215`},
	{"network id in use", `network/red/x segmentation_id:77`, `network/red/x: spec.segmentationId: vxlan id 77 is in use by network/red/pub`},
	{"network id in use in the request", "network/red/x segmentation_id:9\nnetwork/red/y segmentation_id:9", `network/red/y: spec.segmentationId: vxlan id 9 is in use by network/red/x`},
	{"network ids exhausted", "network/red/x type:\"geneve\"\nnetwork/red/y type:\"geneve\"", `network/red/y: spec.segmentationId: no geneve id is free: all of segmentrange/g are in use`},
	{"network MTU small", `network/red/x mtu:1279`, `network/red/x: spec.mtu: 1,279 is not between 1,280 and 65,535`},
	{"network MTU large", `network/red/x mtu:65536`, `network/red/x: spec.mtu: 65,536 is not between 1,280 and 65,535`},
	{"network type changed", `network/red/web type:"gre"`, `network/red/web: spec.type: cannot be changed from vxlan to gre; delete the network and make it again`},
	{"network id changed", `network/red/pub shared:true segmentation_id:78`, `network/red/pub: spec.segmentationId: cannot be changed from 77 to 78; delete the network and make it again`},
	{"network unshared", `network/red/pub`, `network/red/pub: spec.shared: cannot become false: other projects use the network: port/blue/vm1`},
	{"network unshared under a new port", "network/red/pub\nport/blue/vm1 network:\"red/pub\"\nport/blue/vm2 network:\"red/pub\"",
		`network/red/pub: spec.shared: cannot become false: other projects use the network: port/blue/vm1`},

	{"subnet without network", `subnet/red/x cidr:"10.1.0.0/24"`, `subnet/red/x: spec.network: is missing`},
	{"subnet of unknown network", `subnet/red/x network:"wbe" cidr:"10.1.0.0/24"`, `subnet/red/x: spec.network: network "wbe" does not exist, did you mean "web"?`},
	{"subnet of another project's network", `subnet/blue/x network:"red/web" cidr:"10.1.0.0/24"`, `subnet/blue/x: spec.network: network "red/web" is not shared with other projects`},
	{"subnet of a bad reference", `subnet/red/x network:"a/b/c" cidr:"10.1.0.0/24"`, `subnet/red/x: spec.network: "a/b/c" is neither a name nor project/name`},
	{"subnet of a network that is refused", "network/red/n mtu:1\nsubnet/red/x network:\"n\" cidr:\"10.1.0.0/24\"\nport/red/y network:\"n\"",
		`network/red/n: spec.mtu: 1 is not between 1,280 and 65,535`},
	{"no CIDR", `subnet/red/x network:"web"`, `subnet/red/x: spec.cidr: is missing`},
	{"host bits", `subnet/red/x network:"web" cidr:"10.1.0.1/24"`, `subnet/red/x: spec.cidr: 10.1.0.1/24 has host bits set; the block is 10.1.0.0/24`},
	{"IPv4 too small", `subnet/red/x network:"web" cidr:"10.1.0.0/31"`, `subnet/red/x: spec.cidr: 10.1.0.0/31 is too small: at most /30`},
	{"IPv6 too small", `subnet/red/x network:"web" cidr:"2001:db8::/127"`, `subnet/red/x: spec.cidr: 2001:db8::/127 is too small: at most /126`},
	{"everything", `subnet/red/x network:"web" cidr:"0.0.0.0/0"`, `subnet/red/x: spec.cidr: 0.0.0.0/0 is every address there is`},
	{"IPv4 in IPv6", `subnet/red/x network:"web" cidr:"::ffff:10.1.0.0/120"`, `subnet/red/x: spec.cidr: "::ffff:10.1.0.0/120" is not a CIDR, such as 10.0.0.0/24`},
	{"multicast block", `subnet/red/x network:"web" cidr:"224.0.0.0/24"`, `subnet/red/x: spec.cidr: 224.0.0.0/24 holds multicast addresses`},
	{"loopback block", `subnet/red/x network:"web" cidr:"127.0.0.0/24"`, `subnet/red/x: spec.cidr: 127.0.0.0/24 holds loopback addresses`},
	{"link-local block", `subnet/red/x network:"web" cidr:"fe80::/64"`, `subnet/red/x: spec.cidr: fe80::/64 holds IPv6 link-local addresses, which every station makes for itself`},
	{"overlap", `subnet/red/x network:"web" cidr:"10.0.0.128/25"`, `subnet/red/x: spec.cidr: 10.0.0.128/25 overlaps subnet/red/web-v4 (10.0.0.0/24) on the same network`},
	{"overlap from outside", `subnet/red/x network:"web" cidr:"10.0.0.0/8"`, `subnet/red/x: spec.cidr: 10.0.0.0/8 overlaps subnet/red/web-v4 (10.0.0.0/24) on the same network`},
	{"overlap in the request", "subnet/red/x network:\"web\" cidr:\"10.1.0.0/24\"\nsubnet/red/y network:\"web\" cidr:\"10.1.0.0/16\"",
		`subnet/red/y: spec.cidr: 10.1.0.0/16 overlaps subnet/red/x (10.1.0.0/24) on the same network`},
	{"gateway outside", `subnet/red/x network:"web" cidr:"10.1.0.0/24" gateway_ip:"10.2.0.1"`, `subnet/red/x: spec.gatewayIp: 10.2.0.1 is not in 10.1.0.0/24`},
	{"gateway no address", `subnet/red/x network:"web" cidr:"10.1.0.0/24" gateway_ip:"gw"`, `subnet/red/x: spec.gatewayIp: "gw" is not an IP address`},
	{"gateway network address", `subnet/red/x network:"web" cidr:"10.1.0.0/24" gateway_ip:"10.1.0.0"`, `subnet/red/x: spec.gatewayIp: 10.1.0.0 is the network address of 10.1.0.0/24`},
	{"gateway broadcast address", `subnet/red/x network:"web" cidr:"10.1.0.0/24" gateway_ip:"10.1.0.255"`, `subnet/red/x: spec.gatewayIp: 10.1.0.255 is the broadcast address of 10.1.0.0/24`},
	{"gateway in use", `subnet/red/web-v4 network:"web" cidr:"10.0.0.0/24" gateway_ip:"10.0.0.10"`, `subnet/red/web-v4: spec.gatewayIp: 10.0.0.10 is in use by port/red/vm1`},
	{"pool outside", `subnet/red/x network:"web" cidr:"10.1.0.0/24" allocation_pools:{start:"10.1.0.9" end:"10.1.1.9"}`, `subnet/red/x: spec.allocationPools[0].end: 10.1.1.9 is not an address of a station in 10.1.0.0/24`},
	{"pool no address", `subnet/red/x network:"web" cidr:"10.1.0.0/24" allocation_pools:{start:"" end:"10.1.0.9"}`, `subnet/red/x: spec.allocationPools[0].start: "" is not an IP address`},
	{"pool reversed", `subnet/red/x network:"web" cidr:"10.1.0.0/24" allocation_pools:{start:"10.1.0.9" end:"10.1.0.8"}`, `subnet/red/x: spec.allocationPools[0]: it ends at 10.1.0.8, before it starts at 10.1.0.9`},
	{"pool has the gateway", `subnet/red/x network:"web" cidr:"10.1.0.0/24" allocation_pools:{start:"10.1.0.1" end:"10.1.0.8"}`, `subnet/red/x: spec.allocationPools[0]: it holds the gateway, 10.1.0.1`},
	{"pools overlap", `subnet/red/x network:"web" cidr:"10.1.0.0/24" allocation_pools:{start:"10.1.0.2" end:"10.1.0.8"} allocation_pools:{start:"10.1.0.8" end:"10.1.0.9"}`,
		`subnet/red/x: spec.allocationPools[1]: it overlaps the pool 10.1.0.2 to 10.1.0.8`},
	{"subnet's CIDR changed", `subnet/red/web-v4 network:"web" cidr:"10.0.0.0/25"`, `subnet/red/web-v4: spec.cidr: cannot be changed from 10.0.0.0/24 to 10.0.0.0/25; delete the subnet and make it again`},
	{"subnet's network changed", `subnet/red/web-v4 network:"pub" cidr:"10.0.0.0/24"`, `subnet/red/web-v4: spec.network: cannot be changed from web to pub; delete the subnet and make it again`},

	{"port without network", `port/red/x`, `port/red/x: spec.network: is missing`},
	{"port of another project's network", `port/blue/x network:"red/web"`, `port/blue/x: spec.network: network "red/web" is not shared with other projects`},
	{"port's unknown network elsewhere", `port/blue/x network:"red/wbe"`, `port/blue/x: spec.network: network "red/wbe" does not exist, did you mean "red/web"?`},
	{"port's network nothing like any", `port/red/x network:"qqqqqq"`, `port/red/x: spec.network: network "qqqqqq" does not exist`},
	{"unknown subnet", `port/red/x network:"web" fixed_ips:{subnet:"web-v6"}`, `port/red/x: spec.fixedIps[0].subnet: subnet "web-v6" does not exist, did you mean "web-v4"?`},
	{"subnet of another network", `port/red/x network:"web" fixed_ips:{subnet:"pub-v4"}`, `port/red/x: spec.fixedIps[0].subnet: subnet "pub-v4" is on network "pub", not on "web"`},
	{"not in subnet", `port/red/x network:"web" fixed_ips:{subnet:"web-v4" ip:"10.0.1.9"}`, `port/red/x: spec.fixedIps[0].ip: 10.0.1.9 is not in subnet web-v4 (10.0.0.0/24)`},
	{"in no subnet", `port/red/x network:"web" fixed_ips:{ip:"10.0.1.9"}`, `port/red/x: spec.fixedIps[0].ip: 10.0.1.9 is in no subnet of network "web"`},
	{"no address", `port/red/x network:"web" fixed_ips:{ip:"10.0.0.256"}`, `port/red/x: spec.fixedIps[0].ip: "10.0.0.256" is not an IP address`},
	{"empty element", `port/red/x network:"web" fixed_ips:{}`, `port/red/x: spec.fixedIps[0]: is empty; give a subnet, an ip, or both`},
	{"network address", `port/red/x network:"web" fixed_ips:{ip:"10.0.0.0"}`, `port/red/x: spec.fixedIps[0].ip: 10.0.0.0 is the network address of subnet web-v4 (10.0.0.0/24)`},
	{"broadcast address", `port/red/x network:"web" fixed_ips:{ip:"10.0.0.255"}`, `port/red/x: spec.fixedIps[0].ip: 10.0.0.255 is the broadcast address of subnet web-v4 (10.0.0.0/24)`},
	{"gateway address", `port/red/x network:"web" fixed_ips:{ip:"10.0.0.1"}`, `port/red/x: spec.fixedIps[0].ip: 10.0.0.1 is the gateway of subnet web-v4 (10.0.0.0/24)`},
	{"address in use", `port/red/x network:"web" fixed_ips:{ip:"10.0.0.10"}`, `port/red/x: spec.fixedIps[0].ip: 10.0.0.10 is in use by port/red/vm1`},
	{"address in use in the request", "port/red/x network:\"web\" fixed_ips:{ip:\"10.0.0.9\"}\nport/red/y network:\"web\" fixed_ips:{ip:\"10.0.0.9\"}",
		`port/red/y: spec.fixedIps[0].ip: 10.0.0.9 is in use by port/red/x`},
	{"address given twice", `port/red/x network:"web" fixed_ips:{ip:"10.0.0.9"} fixed_ips:{ip:"10.0.0.9"}`, `port/red/x: spec.fixedIps[1].ip: 10.0.0.9 is given twice`},
	{"addresses and none", `port/red/x network:"web" fixed_ips:{ip:"10.0.0.9"} no_fixed_ips:true`, `port/red/x: spec.noFixedIps: contradicts fixedIps, which are given`},
	{"MAC in use", `port/red/x network:"web" mac_address:"FA:16:3E:00:00:01"`, `port/red/x: spec.macAddress: fa:16:3e:00:00:01 is in use on the network by port/red/vm1`},
	{"MAC in use in the request", "port/red/x network:\"web\" mac_address:\"fa:16:3e:00:00:02\"\nport/red/y network:\"web\" mac_address:\"fa:16:3e:00:00:02\"",
		`port/red/y: spec.macAddress: fa:16:3e:00:00:02 is in use on the network by port/red/x`},
	{"MAC multicast", `port/red/x network:"web" mac_address:"01:00:5e:00:00:01"`, `port/red/x: spec.macAddress: "01:00:5e:00:00:01" is a multicast MAC address`},
	{"MAC zero", `port/red/x network:"web" mac_address:"00:00:00:00:00:00"`, `port/red/x: spec.macAddress: the zero MAC address belongs to nobody`},
	{"MAC bad", `port/red/x network:"web" mac_address:"fa:16"`, `port/red/x: spec.macAddress: "fa:16" is not a MAC address`},
	{"pair without address", `port/red/x network:"web" allowed_address_pairs:{mac:"fa:16:3e:00:00:09"}`, `port/red/x: spec.allowedAddressPairs[0].ip: is missing`},
	{"pair bad", `port/red/x network:"web" allowed_address_pairs:{ip:"10.0.0.0/8" mac:"x"} allowed_address_pairs:{ip:"10.0.0.1/8"}`,
		`port/red/x: spec.allowedAddressPairs[0].mac: "x" is not a MAC address
port/red/x: spec.allowedAddressPairs[1].ip: 10.0.0.1/8 has host bits set; the block is 10.0.0.0/8`},
	{"pair twice", `port/red/x network:"web" allowed_address_pairs:{ip:"10.0.0.9"} allowed_address_pairs:{ip:"10.0.0.9"}`, `port/red/x: spec.allowedAddressPairs[1]: is given twice`},
	{"port's network changed", `port/red/vm1 network:"pub"`, `port/red/vm1: spec.network: cannot be changed from web to pub; delete the port and make it again`},
	{"pool exhausted", "subnet/red/web-v4 network:\"web\" cidr:\"10.0.0.0/24\" allocation_pools:{start:\"10.0.0.9\" end:\"10.0.0.10\"}\n" +
		"port/red/x network:\"web\"\nport/red/y network:\"web\"\nport/red/z network:\"web\" fixed_ips:{subnet:\"web-v4\"}",
		`port/red/y: spec.fixedIps: no IPv4 address is free on network "web": the pools of its 1 subnet are used up
port/red/z: spec.fixedIps[0]: no address is free in subnet web-v4 (10.0.0.0/24)`},
	{"device id", `port/red/x network:"web" device_id:"` + long + `"`, `port/red/x: spec.deviceId: is 260 bytes long; at most 255`},
	{"device owner", `port/red/x network:"web" device_owner:"` + long + `"`, `port/red/x: spec.deviceOwner: is 260 bytes long; at most 255`},

	{"tunnel address bad", `host/h2 tunnel_ip:"h2"`, `host/h2: spec.tunnelIp: "h2" is not an IP address`},
	{"tunnel address multicast", `host/h2 tunnel_ip:"224.0.0.1"`, `host/h2: spec.tunnelIp: 224.0.0.1 is not an address that other hosts can reach`},
	{"tunnel address in use", `host/h2 tunnel_ip:"10.99.0.1"`, `host/h2: spec.tunnelIp: 10.99.0.1 is the tunnel address of host/h1`},
	{"manager method", `host/h2 manager:"http:10.0.0.1:80"`, `host/h2: spec.manager: "http:10.0.0.1:80" is none of tcp:ADDRESS:PORT, ssl:ADDRESS:PORT and unix:PATH`},
	{"manager without port", `host/h2 manager:"tcp:10.0.0.1"`, `host/h2: spec.manager: "tcp:10.0.0.1" has no port; write tcp:ADDRESS:PORT`},
	{"manager's port", `host/h2 manager:"ssl:10.0.0.1:0"`, `host/h2: spec.manager: in "ssl:10.0.0.1:0", "0" is not a port number`},
	{"manager's address", `host/h2 manager:"tcp:h2:6640"`, `host/h2: spec.manager: in "tcp:h2:6640", "h2" is not an IP address`},
	{"manager's brackets", `host/h2 manager:"tcp:fd00::1:6640"`, `host/h2: spec.manager: in "tcp:fd00::1:6640", an IPv6 address goes in brackets, and no other`},
	{"manager's path", `host/h2 manager:"unix:db.sock"`, `host/h2: spec.manager: "unix:db.sock" must name an absolute path`},
	{"datapath type", `host/h2 datapath_type:"netdv"`, `host/h2: spec.datapathType: "netdv" is neither "system" nor "netdev", did you mean "netdev"?`},

	{"unmanaged without tunnel address", `host/h2 unmanaged:true manager:"tcp:10.0.0.1:6640"`, `host/h2: spec.tunnelIp: is missing; an unmanaged host does not say it itself
host/h2: spec.manager: is for hosts that connect, and this one is unmanaged`},
	{"host becomes unmanaged", `host/h1 tunnel_ip:"10.99.0.1" unmanaged:true`, `host/h1: spec.unmanaged: cannot be changed from false to true; delete the host and make it again`},
	{"port behind nothing", `port/red/x network:"web" host:"h9"`, `port/red/x: spec.host: host "h9" does not exist`},
	{"port behind a bad name", `port/red/x network:"web" host:"a b"`, `port/red/x: spec.host: "a b" has the character ' '; only a–z, A–Z, 0–9, '.', '_' and '-' may be in it`},
	{"port behind a managed host", `port/red/x network:"web" host:"h1"`, `port/red/x: spec.host: host/h1 is managed: which of its interfaces is the port's is said there, by the iface-id`},

	{"range without type", `segmentrange/x minimum:1 maximum:2`, `segmentrange/x: spec.networkType: is missing`},
	{"range of unknown type", `segmentrange/x network_type:"vlan" minimum:1 maximum:2`, `segmentrange/x: spec.networkType: "vlan" is none of vxlan, geneve, gre, did you mean "vxlan"?`},
	{"range without bounds", `segmentrange/x network_type:"gre"`, "segmentrange/x: spec.minimum: is missing; at least 1\nsegmentrange/x: spec.maximum: is missing"},
	{"range reversed", `segmentrange/x network_type:"gre" minimum:9 maximum:8`, `segmentrange/x: spec.maximum: 8 is less than the minimum, 9`},
	{"range too large", `segmentrange/x network_type:"vxlan" minimum:9 maximum:16777216`, `segmentrange/x: spec.maximum: 16,777,216 is too large for vxlan: at most 16,777,215`},
	{"ranges overlap", `segmentrange/x network_type:"geneve" minimum:11 maximum:20`, `segmentrange/x: spec: 11 to 20 overlaps segmentrange/g (10 to 11)`},
	{"range leaves out used ids", `segmentrange/g network_type:"geneve" minimum:11 maximum:20`, `segmentrange/g: spec.minimum: leaves out 1 id that networks have, such as 10 of network/red/g1`},
	{"range's type changed", `segmentrange/g network_type:"gre" minimum:10 maximum:11`, `segmentrange/g: spec.networkType: cannot be changed from geneve to gre; delete the segmentrange and make it again`},
}

// long is 260 bytes.
const long = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" +
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" +
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" +
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
