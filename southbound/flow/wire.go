package flow

// wireInfo is what the encoder needs of a field, worked out from its row.
type wireInfo struct {
	all    Bits   // every bit of the field
	head   uint32 // class, number and length of an exact value; 0 for what takes the long way
	size   uint8
	need   need
	masks  maskable
	writes writable
}

// wire has a place for every number that a FieldID can have, so that looking up needs no check. Places of no field have no
// bits. It is never written.
var wire = func() (w [256]wireInfo) {
	for id := FieldID(1); id < fieldEnd; id++ {
		r := &fieldTable[id]
		w[id] = wireInfo{all: ones(int(r.bits)), size: r.size, need: r.need, masks: r.masks, writes: r.writes}
		if r.class != classExperimenter && !id.isTunMetadata() && id != TunFlags {
			w[id].head = uint32(r.class)<<16 | uint32(r.field)<<9 | uint32(r.size)
		}
	}
	return w
}()

// appendShort writes a TLV whose head is known.
func (f *Field) appendShort(b []byte, head uint32) []byte {
	v := f.Value.Lo
	switch head & 0xff {
	case 4:
		return be.AppendUint64(b, uint64(head)<<32|v)
	case 2:
		return be.AppendUint16(be.AppendUint32(b, head), uint16(v))
	case 1:
		return append(be.AppendUint32(b, head), byte(v))
	case 6:
		return be.AppendUint16(be.AppendUint64(b, uint64(head)<<32|v>>16), uint16(v))
	case 8:
		return be.AppendUint64(be.AppendUint32(b, head), v)
	}
	return be.AppendUint64(be.AppendUint64(be.AppendUint32(b, head), f.Value.Hi), v)
}
