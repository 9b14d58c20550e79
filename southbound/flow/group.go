package flow

import "fmt"

// GroupType says what a group does with its buckets (OpenFlow 1.3, section 5.6.1).
type GroupType uint8

// Types of groups.
const (
	All          GroupType = iota // every bucket gets a copy
	Select                        // one bucket is chosen, by weight
	Indirect                      // the only bucket
	FastFailover                  // the first bucket whose port or group is alive
)

// Group is a group in canonical form; groups compare with ==.
type Group struct {
	ID      uint32
	Type    GroupType
	Buckets string // canonical OpenFlow 1.3 buckets
}

// Bucket is a part of a group.
type Bucket struct {
	Weight     uint16 // in Select groups
	WatchPort  uint32 // in FastFailover groups: the port that must be up; 0: none
	WatchGroup uint32 // the group that must be alive; 0: none
	Actions    Actions
}

const bucketHead = 16

// NewGroup makes a group.
func NewGroup(id uint32, typ GroupType, buckets []Bucket) (Group, error) {
	if typ > FastFailover || typ == Indirect && len(buckets) != 1 {
		return Group{}, fmt.Errorf("group %d: type %d with %d buckets: %w", id, typ, len(buckets), ErrBadAction)
	}
	b := make([]byte, 0, 256)
	for i := range buckets {
		start := len(b)
		k := &buckets[i]
		b = be.AppendUint32(b, uint32(k.Weight))
		b = be.AppendUint32(b, orAny(k.WatchPort))
		b = zeros(be.AppendUint32(b, orAny(k.WatchGroup)), 4)
		var err error
		if b, err = appendActions(b, k.Actions, 1); err == nil && len(b)-start > 0xfff8 {
			err = ErrTooLong
		}
		if err != nil {
			return Group{}, fmt.Errorf("group %d, bucket %d: %w", id, i, err)
		}
		be.PutUint16(b[start:], uint16(len(b)-start))
		be.PutUint16(b[start+2:], k.Weight)
	}
	return Group{ID: id, Type: typ, Buckets: string(b)}, nil
}

func orAny(v uint32) uint32 {
	if v == 0 {
		return PortAny
	}
	return v
}

func orNone(v uint32) uint32 {
	if v == PortAny {
		return 0
	}
	return v
}

// ParseBuckets reads the buckets back.
func (g Group) ParseBuckets() ([]Bucket, error) {
	var list []Bucket
	for b := []byte(g.Buckets); len(b) > 0; {
		if len(b) < bucketHead {
			return nil, fmt.Errorf("group %d: %w", g.ID, ErrTruncated)
		}
		n := int(be.Uint16(b))
		if n < bucketHead || n > len(b) {
			return nil, fmt.Errorf("group %d: bucket of %d bytes: %w", g.ID, n, ErrTruncated)
		}
		do, err := parseActions(b[bucketHead:n], 1)
		if err != nil {
			return nil, fmt.Errorf("group %d: %w", g.ID, err)
		}
		list = append(list, Bucket{
			Weight: be.Uint16(b[2:]), WatchPort: orNone(be.Uint32(b[4:])), WatchGroup: orNone(be.Uint32(b[8:])), Actions: do,
		})
		b = b[n:]
	}
	return list, nil
}
