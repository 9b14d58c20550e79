package flow

// Sub is a part of a field: Len bits from bit Off, counted from the lowest. A register map is made of them.
type Sub struct {
	ID       FieldID
	Off, Len uint8
}

// Whole returns all of a field.
func Whole(id FieldID) Sub { return Sub{ID: id, Len: uint8(id.Bits())} }

// Part returns length bits of a field from bit off on.
func Part(id FieldID, off, length uint8) Sub { return Sub{ID: id, Off: off, Len: length} }

// Is matches the part with a value. A value that is too large makes a match that cannot be encoded.
func (s Sub) Is(v uint64) Field {
	return Field{ID: s.ID, Value: Bits{Lo: v}.Shl(int(s.Off)), Mask: s.mask()}
}

// IsMasked matches the bits in mask of the part with a value.
func (s Sub) IsMasked(v, mask uint64) Field {
	return Field{ID: s.ID, Value: Bits{Lo: v}.Shl(int(s.Off)), Mask: Bits{Lo: mask}.Shl(int(s.Off)).And(s.mask())}
}

// Set writes a value to the part and leaves the rest of the field alone.
func (s Sub) Set(v uint64) Action { return SetField(s.Is(v)) }

// Move copies the part to another of the same length.
func (s Sub) Move(to Sub) Action { return Move(s, to) }

// Of returns the part's value in a value of the field.
func (s Sub) Of(v Bits) Bits { return v.Shr(int(s.Off)).And(ones(int(s.Len))) }

func (s Sub) mask() Bits { return ones(int(s.Len)).Shl(int(s.Off)) }

// valid says whether the part lies within its field.
func (s Sub) valid() bool {
	return s.ID.Valid() && s.Len > 0 && int(s.Off)+int(s.Len) <= s.ID.Bits()
}

// Join matches, or writes, what all of some parts of one field do: a match has a field once.
func Join(parts ...Field) Field {
	var all Field
	for _, p := range parts {
		all.ID, all.Value, all.Mask = p.ID, all.Value.Or(p.Value), all.Mask.Or(p.Mask)
	}
	return all
}
