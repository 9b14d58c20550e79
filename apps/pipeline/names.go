package pipeline

import (
	"slices"

	"github.com/weft-sdn/weft/southbound/flow"
)

// readIn says of registers that share bits with others in which tables the bits mean them. In the other tables they mean the one
// that is not named here.
var readIn = map[string][]uint8{
	"balancer": {RouterIn, RouterLocal, Balance, Balanced, Hairpin, Server},
	"part":     {Balance, Balanced},
	"parted":   {Balance, Balanced},
	"inner":    {L2, Members, Unknown, Flood, Paths},
	"edge":     {Classify, ClassifyLabel, LabelOrigin, L2, Learned, Unknown, Flood, Members, Paths},
	"list":     {Policies, RuleLists, Remotes, Rules},
	"among":    {RuleLists, Remotes},
	"peer4":    {RuleLists, Remotes},
	"peer6":    {RuleLists, Remotes},
	"shard":    {Members, Flood, FloodLocal},
	"judged":   {},
}

// registersIn returns the registers by the names that they have in a table, no two of which share bits.
func registersIn(table uint8) map[flow.Sub]string {
	names := map[flow.Sub]string{}
	add := func(wanted func(r Register) bool) {
		for _, r := range Registers {
			if !wanted(r) {
				continue
			}
			taken := false
			for s := range names {
				taken = taken || s.ID == r.Sub.ID && s.Off < r.Sub.Off+r.Sub.Len && r.Sub.Off < s.Off+s.Len
			}
			if !taken {
				names[r.Sub] = r.Name
			}
		}
	}
	add(func(r Register) bool { return slices.Contains(readIn[r.Name], table) })
	add(func(r Register) bool { _, elsewhere := readIn[r.Name]; return !elsewhere })
	return names
}

// namesIn are the registers' names in each table.
var namesIn = func() (all [256]map[flow.Sub]string) {
	for _, t := range Tables {
		all[t.ID] = registersIn(t.ID)
	}
	return all
}()

// Names returns what people call the tables, and the registers in flows of one table. Port names ports; nil: nothing does.
func Names(table uint8, port func(uint32) string) flow.Names {
	return flow.Names{Table: TableName, Port: port, Sub: namesIn[table], PortIn: OutPort}
}

// Words returns what people may write for tables and registers. Port finds ports; nil: they are numbers.
func Words(port func(name string) (uint32, bool)) flow.Words {
	return flow.Words{Table: tableNamed, Port: port, Sub: registerNamed}
}

func tableNamed(name string) (uint8, bool) {
	for _, t := range Tables {
		if t.Name == name {
			return t.ID, true
		}
	}
	return 0, false
}

func registerNamed(name string) (flow.Sub, bool) {
	for _, r := range Registers {
		if r.Name == name {
			return r.Sub, true
		}
	}
	return flow.Sub{}, false
}
