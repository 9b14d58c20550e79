package openflow

import "fmt"

// Features is what a switch says of itself.
type Features struct {
	Datapath     uint64
	Buffers      uint32
	Tables       uint8
	Auxiliary    uint8
	Capabilities uint32
}

// AppendFeatures appends a features reply.
func AppendFeatures(b []byte, xid uint32, f Features) []byte {
	start := len(b)
	b = be.AppendUint64(begin(b, TypeFeaturesReply, xid), f.Datapath)
	b = append(be.AppendUint32(b, f.Buffers), f.Tables, f.Auxiliary, 0, 0)
	return end(be.AppendUint32(be.AppendUint32(b, f.Capabilities), 0), start)
}

// ParseFeatures reads a features reply.
func ParseFeatures(m Message) (Features, error) {
	r := read(m, TypeFeaturesReply)
	f := Features{Datapath: r.u64(), Buffers: r.u32(), Tables: r.u8(), Auxiliary: r.u8()}
	r.skip(2)
	f.Capabilities = r.u32()
	return f, r.err()
}

// Config is how a switch treats fragments, and how much of a packet it sends when a table miss says so.
type Config struct {
	Flags       uint16
	MissSendLen uint16
}

// AppendConfig appends a set-config or a get-config reply.
func AppendConfig(b []byte, t Type, xid uint32, c Config) []byte {
	start := len(b)
	return end(be.AppendUint16(be.AppendUint16(begin(b, t, xid), c.Flags), c.MissSendLen), start)
}

// ParseConfig reads a set-config or a get-config reply.
func ParseConfig(m Message) (Config, error) {
	r := read(m, TypeSetConfig, TypeGetConfigReply)
	return Config{Flags: r.u16(), MissSendLen: r.u16()}, r.err()
}

// RoleKind is what a controller may do on a switch.
type RoleKind uint32

// Roles.
const (
	RoleNoChange RoleKind = iota
	RoleEqual
	RoleMaster
	RoleSlave
)

// String returns the role's name.
func (k RoleKind) String() string {
	names := [...]string{"no change", "equal", "master", "slave"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("role %d", uint32(k))
}

// Role is a role request or its reply.
type Role struct {
	Role       RoleKind
	Generation uint64 // rises each time that the mastership changes
}

// NoGeneration is the generation of a switch that has not been told one.
const NoGeneration = ^uint64(0)

// AppendRole appends a role request or reply.
func AppendRole(b []byte, t Type, xid uint32, role Role) []byte {
	start := len(b)
	b = be.AppendUint32(begin(b, t, xid), uint32(role.Role))
	return end(be.AppendUint64(zeros(b, 4), role.Generation), start)
}

// ParseRole reads a role request or reply.
func ParseRole(m Message) (Role, error) {
	r := read(m, TypeRoleReply, TypeRoleRequest)
	role := Role{Role: RoleKind(r.u32())}
	r.skip(4)
	role.Generation = r.u64()
	return role, r.err()
}

// Async says which messages a switch sends unasked; a bit per reason. The first of each pair is for masters and equals, the
// second for slaves.
type Async struct {
	PacketIn, PortStatus, FlowRemoved [2]uint32
}

// AppendAsync appends a set-async or a get-async reply.
func AppendAsync(b []byte, t Type, xid uint32, a Async) []byte {
	start := len(b)
	b = begin(b, t, xid)
	for _, m := range [...][2]uint32{a.PacketIn, a.PortStatus, a.FlowRemoved} {
		b = be.AppendUint32(be.AppendUint32(b, m[0]), m[1])
	}
	return end(b, start)
}

// ParseAsync reads a set-async or a get-async reply.
func ParseAsync(m Message) (Async, error) {
	r := read(m, TypeSetAsync, TypeGetAsyncReply)
	a := Async{
		PacketIn: [2]uint32{r.u32(), r.u32()}, PortStatus: [2]uint32{r.u32(), r.u32()}, FlowRemoved: [2]uint32{r.u32(), r.u32()},
	}
	return a, r.err()
}
