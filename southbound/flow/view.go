package flow

// appendViews writes a match in which some fields are views of others: wide registers are written as the 32-bit registers
// that they are made of, and vlan_tci as vlan_vid and vlan_pcp, as Open vSwitch writes them on OpenFlow 1.3.
func appendViews(b []byte, m Match) ([]byte, error) {
	var room [48]Field
	flat := Match(room[:0])
	for i := range m {
		f := &m[i]
		if err := f.check(); err != nil {
			return b, err
		}
		switch {
		case !f.ID.isView():
			flat = append(flat, *f)
		case f.ID == VLANTCI:
			var err error
			if flat, err = appendTCI(flat, f); err != nil {
				return b, err
			}
		case f.ID == InPort16:
			p := *f
			p.ID = InPort
			if p.Mask.Lo != 0 {
				p.Value.Lo, p.Mask = uint64(port32(uint16(p.Value.Lo))), InPort.all()
			}
			flat = append(flat, p)
		case f.ID >= XXReg0:
			flat = appendWords(flat, f, Reg0+4*(f.ID-XXReg0), 4)
		default:
			flat = appendWords(flat, f, Reg0+2*(f.ID-XReg0), 2)
		}
	}
	return AppendMatch(b, flat)
}

// appendWords splits a wide register into n registers from first on, the highest bits first.
func appendWords(m Match, f *Field, first FieldID, n int) Match {
	low := ones(32)
	for i := range n {
		shift := 32 * (n - 1 - i)
		m = append(m, Field{first + FieldID(i), f.Value.Shr(shift).And(low), f.Mask.Shr(shift).And(low)})
	}
	return m
}

// appendTCI splits vlan_tci: 3 bits of priority, 1 bit that a tag is there, 12 bits of VLAN id. OpenFlow 1.3 cannot match
// single bits of the priority, nor the priority where there is no tag.
func appendTCI(m Match, f *Field) (Match, error) {
	const pcp, vid = 0xe000, 0x1fff
	m = append(m, Masked(VLANVID, f.Value.Lo&vid, f.Mask.Lo&vid))
	tagged := f.Value.Lo&vlanPresent != 0
	untagged := f.Mask.Lo&vlanPresent != 0 && !tagged
	switch {
	case f.Mask.Lo&pcp == 0, untagged && f.Value.Lo&pcp == 0:
		return m, nil
	case f.Mask.Lo&pcp == pcp && tagged:
		return append(m, U64(VLANPCP, f.Value.Lo>>13)), nil
	}
	return nil, fieldError(VLANTCI, ErrMask)
}

// port32 is the OpenFlow 1.3 number of a port with an OpenFlow 1.0 number.
func port32(port uint16) uint32 {
	if port >= 0xff00 {
		return 0xffff0000 | uint32(port)
	}
	return uint32(port)
}
