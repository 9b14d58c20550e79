package carry

// GRE carries frames in IP (transparent Ethernet bridging, protocol 0x6558), with the id in the 32 bits of the key (RFC 2890).
var GRE = Tunnel{typ: "gre", Port: "weft-gre", Interface: "gre", OFPort: 65003}
