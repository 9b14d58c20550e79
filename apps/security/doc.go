// Package security holds what ports send and get against the rules of their security groups and of administrators' policies.
//
// A packet is judged twice: at its sender, before anything else looks at where it goes (tables sent to sent_verdict), and at its
// receiver, when everything else is done with it (received to received_verdict). So a sender's rules see the address that it sent to, and a
// receiver's rules the one that it gets the packet from, whatever routers translate between them. The connection is looked up once
// for both, at the first of the two that asks, in the zone of the port's network, or of the router when one is between them: each end finds
// that zone by the router's MAC address, so that both directions of a connection are looked up in the same one.
//
// The state of a connection says no more than who began it: answers are held against the rules about the packets that they answer
// (ct_nw_src, ct_tp_dst and the like). No connection is let through for having been let through before, so that a rule, a member or
// an address that goes takes its connections with it as soon as the switch has the new flows, all others go on, and it does not
// matter in which order things came to be. See docs/adr/0018-policies.md.
//
// Rules are asked in four tables which both ends share: policies → rule_lists → remotes → rules. A port has the number of a policy, its
// groups and its administrators' lists; a list is asked step by step, one for each set of addresses that its rules name; a set has one flow
// for each of its addresses, whatever number of rules names it. So flows grow as rules and members, and not as their product.
package security
