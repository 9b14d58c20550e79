package sim

type session struct{}

const (
	portAdded     uint8  = 0
	portRemoved   uint8  = 1
	portModified  uint8  = 2
	removedDelete uint8  = 2
	removedGroup  uint8  = 3
	eventAdded    uint16 = 0
	eventRemoved  uint16 = 1
	eventModified uint16 = 2
)

func (s *Switch) tellPort(p Port, reason uint8)                                 {}
func (s *Switch) tellMonitors(event uint16, r *rule, reason uint8, by *session) {}
func (s *Switch) flushMonitors(ok bool)                                         {}
func (s *Switch) tellPacketIns(in []PacketIn)                                   {}
