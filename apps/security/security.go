package security

import (
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
)

const id = 18 // of the app

type app struct{ *intent.Tables }

// New returns the app.
func New(t *intent.Tables) compile.App {
	a := app{t}
	return compile.App{Name: "security", ID: id, Handler: rejecter{}, Rules: []compile.Rule{
		compile.ForEach("guard", t.Ports, a.guard),
		compile.About("place", t.Bindings, intent.Key.String, a.place),
		compile.ForEach("base", t.Hosts, a.base),
		compile.About("zone", t.GuardedSites, siteNetwork, a.zone),
		compile.ForEach("outside", t.Gateways, a.outside),
		compile.About("policy", t.PoliciesAt, policyHost, a.policy),
		compile.About("list", t.ListsAt, listKey, a.list),
		compile.ForEach("logged", t.RuleLists, a.logged),
		compile.About("log", t.Bindings, intent.Key.String, a.log),
		compile.About("member", t.GroupMembers, addressSet, a.remote),
		compile.About("address", t.Addresses, addressSet, a.remote),
	}}
}

// What is noted of a place is said of what is there.
func siteNetwork(s intent.GuardedSite) string { return s.Network.String() }
func policyHost(p intent.PolicyAt) string     { return "host/" + p.Host }
func listKey(l intent.ListAt) string          { return l.List.String() }
func addressSet(a intent.AddressOf) string    { return a.Set.String() }
