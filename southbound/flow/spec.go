package flow

import "net/netip"

// ControllerSpec says how a packet goes to the controller.
type ControllerSpec struct {
	MaxLen     uint16 // bytes of the packet to send; 0 sends all of it
	ID         uint16 // which controller connection (NXT_SET_CONTROLLER_ID)
	Reason     uint8  // 0: "action" (OFPR_ACTION)
	UserData   string // comes back with the packet
	Pause      Pause  // Paused keeps the pipeline's state in the message, for NXT_RESUME to go on
	Meter      uint32 // limits the rate; 0: the controller's own meter
	MeterGiven MeterGiven
}

type (
	// Pause says whether a packet stops in the middle of the pipeline.
	Pause bool
	// MeterGiven says whether ControllerSpec.Meter counts.
	MeterGiven bool
)

// Paused is the Pause of a packet that waits for NXT_RESUME.
const Paused Pause = true

// Reasons of messages to the controller (OpenFlow 1.3, section 7.4.1).
const (
	ReasonAction     uint8 = 0 // what ControllerSpec{} says; on the wire OFPR_ACTION is 1, OFPR_NO_MATCH 0
	ReasonNoMatch    uint8 = 0xff
	ReasonInvalidTTL uint8 = 2
)

// ToController sends the packet to the controller.
func ToController(spec ControllerSpec) Action {
	if spec.plain() {
		return Action{kind: kindOutput, n: PortController, n2: uint32(spec.maxLen())}
	}
	return Action{kind: kindController, more: &spec}
}

func (c *ControllerSpec) maxLen() uint16 {
	if c.MaxLen == 0 {
		return 0xffff
	}
	return c.MaxLen
}

// plain says whether OpenFlow's own output action says it all.
func (c *ControllerSpec) plain() bool {
	return c.ID == 0 && c.Reason == 0 && !c.extended()
}

// extended says whether it takes Open vSwitch's newer action, with properties.
func (c *ControllerSpec) extended() bool {
	return c.UserData != "" || bool(c.Pause) || bool(c.MeterGiven)
}

// Recirc is the table in which connection tracking goes on with a packet. The zero Recirc goes on with the next action, and
// without the tracker's findings.
type Recirc struct {
	table uint8
	on    recirculates
}

type recirculates = bool

// ToTable goes on in a table, with the tracker's findings in ct_state and the other ct fields.
func ToTable(table uint8) Recirc { return Recirc{table, true} }

// CTSpec says what connection tracking does with a packet.
type CTSpec struct {
	Flags    CTFlags
	Zone     uint16
	ZoneFrom Sub // with an ID: the zone's number is there
	Table    Recirc
	ALG      uint16 // 21 (FTP) or 69 (TFTP); 0: none
	NAT      *NATSpec
	Exec     Actions // set fields of the connection: ct_mark, ct_label; only with CTCommit
}

// CTFlags are bits of CTSpec.
type CTFlags uint16

// Flags of CTSpec.
const (
	CTCommit CTFlags = 1 << iota // remember the connection
	CTForce                      // even when it was opened from the other side
)

// NATSpec says how a connection's addresses are translated. The zero NATSpec translates as the connection was when it was
// committed.
type NATSpec struct {
	Flags            NATFlags
	MinAddr, MaxAddr netip.Addr // MaxAddr not valid: MinAddr only. Neither: ports only
	MinPort, MaxPort uint16     // MaxPort 0: MinPort only. Neither: chosen by the switch
}

// NATFlags are bits of NATSpec.
type NATFlags uint16

// Flags of NATSpec.
const (
	NATSrc NATFlags = 1 << iota
	NATDst
	NATPersistent
	NATHash   // choose the port by a hash
	NATRandom // choose it by chance
)

// CT passes the packet through connection tracking.
func CT(spec CTSpec) Action { return Action{kind: kindCT, more: &spec} }

// LearnSpec says what flow a packet adds to a table.
type LearnSpec struct {
	IdleTimeout, HardTimeout       uint16 // seconds
	FinIdleTimeout, FinHardTimeout uint16
	Priority                       uint16
	Cookie                         uint64
	Flags                          LearnFlags
	Table                          uint8
	Limit                          uint32 // at most so many learned flows; 0: no limit
	ResultDst                      Sub    // a bit that says whether the limit let the flow in; ID 0: none
	Terms                          []LearnTerm
}

// LearnFlags are bits of LearnSpec.
type LearnFlags uint16

// Flags of LearnSpec.
const (
	LearnSendFlowRemoved LearnFlags = 1 << iota
	LearnDeleteLearned              // with the learning flow go those that it learned
	LearnWriteResult                // set by the encoder when ResultDst is given
)

// LearnTerm is a part of a learned flow's match or actions.
type LearnTerm struct {
	Kind  LearnKind
	Src   Sub  // what the packet has there; ID 0: Value
	Value Bits // with Src.ID 0
	Dst   Sub  // what is matched or loaded; not for LearnOutput. With Src.ID 0 its length is Value's
}

// LearnKind says what a LearnTerm is.
type LearnKind uint8

// Kinds of LearnTerm.
const (
	LearnMatch  LearnKind = iota // the learned flow matches Dst = Src or Value
	LearnLoad                    // its actions load Src or Value into Dst
	LearnOutput                  // its actions output to the port in Src
)

// Learn adds a flow when a packet passes.
func Learn(spec LearnSpec) Action { return Action{kind: kindLearn, more: &spec} }

// HashFields says what Multipath and bundles hash over (enum nx_hash_fields).
type HashFields uint16

// What to hash over.
const (
	HashEthSrc HashFields = iota
	HashSymmetricL4
	HashSymmetricL3L4
	HashSymmetricL3L4UDP
	HashNwSrc
	HashNwDst
	HashSymmetricL3
)

// MultipathAlgorithm says how Multipath chooses (enum nx_mp_algorithm).
type MultipathAlgorithm uint16

// Algorithms of Multipath.
const (
	ModuloN MultipathAlgorithm = iota
	HashThreshold
	HRW
	IterHash
)

// MultipathSpec says how Multipath hashes a packet to a link number, from 0.
type MultipathSpec struct {
	Fields    HashFields
	Basis     uint16
	Algorithm MultipathAlgorithm
	Links     uint32 // how many, at least 1
	Arg       uint32
}

// Multipath writes a hash of the packet's fields, as the number of a link, to dst.
func Multipath(spec MultipathSpec, dst Sub) Action {
	return Action{kind: kindMultipath, dst: dst, more: &spec}
}

// BundleAlgorithm says how a bundle chooses a member (enum nx_bd_algorithm).
type BundleAlgorithm uint16

// Algorithms of bundles.
const (
	ActiveBackup BundleAlgorithm = iota
	BundleHRW
)

// BundleSpec says how one of several ports is chosen.
type BundleSpec struct {
	Fields    HashFields
	Basis     uint16
	Algorithm BundleAlgorithm
	Members   []uint16 // OpenFlow 1.0 port numbers
}

// BundleOutput sends the packet out of one of several ports that are up.
func BundleOutput(spec BundleSpec) Action { return Action{kind: kindBundle, more: &spec} }

// BundleLoad writes the number of the chosen port to dst.
func BundleLoad(spec BundleSpec, dst Sub) Action {
	return Action{kind: kindBundle, dst: dst, more: &spec}
}

// SampleSpec says how packets are sampled for IPFIX.
type SampleSpec struct {
	Probability  uint16 // of 65535
	CollectorSet uint32
	ObsDomain    uint32
	ObsPoint     uint32
	SamplingPort uint32 // 0: none
	Direction    SampleDirection
}

// SampleDirection says which way a sampled packet goes.
type SampleDirection uint8

// Directions of samples.
const (
	SampleDefault SampleDirection = iota
	SampleIngress
	SampleEgress
)

// Sample sends a copy of some packets to the flow collectors.
func Sample(spec SampleSpec) Action { return Action{kind: kindSample, more: &spec} }
