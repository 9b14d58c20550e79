// Package pipeline is the whole pipeline as data: the list of tables (tables.go), the register map (registers.go) and the
// numbers of the ports that the controller itself makes (ports.go).
//
// A frame enters at Classify, which knows from the port it came in by (and, from a tunnel, by its id) to which network it
// belongs. Frames of endpoints then pass PortSecurity and PortSecurityND, which drop what the port may not send, and
// Resolve, which answers ARP and neighbour solicitations for known addresses. L2 decides where the frame goes: to a port
// of this host, by way of Deliver, to another host through a tunnel, or, for broadcast and multicast, to Flood.
//
// Check holds every flow against its table's row. The page docs/pipeline.md is generated from the same literals.
package pipeline
