package pipeline

import "github.com/weft-sdn/weft/southbound/flow"

// PortBlock is ports of a transport protocol that share their upper bits.
type PortBlock struct {
	first uint16
	bits  uint8 // lower bits that differ
}

// Of matches the block's ports in a field.
func (b PortBlock) Of(field flow.FieldID) flow.Field {
	if b.bits == 0 {
		return flow.U32(field, uint32(b.first))
	}
	return flow.Masked(field, uint64(b.first), uint64(0xffff)<<b.bits&0xffff)
}

// PortBlocks covers the ports from one to another with as few blocks as it takes.
func PortBlocks(from, to uint16) []PortBlock {
	var all []PortBlock
	for first, last := uint32(from), uint32(to); first <= last; {
		bits := uint8(0)
		for bits < 16 && first&(1<<bits) == 0 && first+(2<<bits)-1 <= last {
			bits++
		}
		all = append(all, PortBlock{uint16(first), bits})
		first += 1 << bits
	}
	return all
}
