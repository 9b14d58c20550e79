package carry

// Geneve carries frames in UDP, with the VNI in 24 bits and room for options (RFC 8926).
var Geneve = Tunnel{typ: "geneve", Port: "weft-geneve", Interface: "geneve", OFPort: 65002, UDP: 6081}
