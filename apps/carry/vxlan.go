package carry

// VXLAN carries frames in UDP, with the VNI in 24 bits (RFC 7348).
var VXLAN = Tunnel{typ: "vxlan", Port: "weft-vxlan", Interface: "vxlan", OFPort: 65001, UDP: 4789}
