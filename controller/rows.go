package controller

import (
	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// putRouter takes over a router with its interfaces and routes: as many as there are.
func (w *world) putRouter(res *weftv1.Resource) error {
	router, interfaces, routes, err := intent.RouterRows(res)
	if err != nil {
		return err
	}
	gateway, has, err := intent.GatewayRow(res)
	if err != nil {
		return err
	}
	policies, err := intent.PolicyRows(res)
	if err != nil {
		return err
	}
	w.tables.Routers.Put(router)
	if has {
		w.tables.Gateways.Put(gateway)
	} else {
		w.tables.Gateways.Delete(router.Key)
	}
	staying := map[any]bool{}
	for _, i := range interfaces {
		w.tables.RouterInterfaces.Put(i)
		staying[i.Key] = true
	}
	for _, r := range routes {
		w.tables.Routes.Put(r)
		staying[r.Key] = true
	}
	for _, p := range policies {
		w.tables.Policies.Put(p)
		staying[p.Key] = true
	}
	w.dropOfRouter(router.Key, staying)
	return nil
}

func (w *world) dropRouter(key intent.Key) {
	w.tables.Routers.Delete(key)
	w.tables.Gateways.Delete(key)
	w.dropOfRouter(key, nil)
}

// dropOfRouter forgets the interfaces, routes and policy routes of a router that are not staying.
func (w *world) dropOfRouter(key intent.Key, staying map[any]bool) {
	var r table.Reader // what is read here is nobody's to remember
	var interfaces []intent.InterfaceOf
	for i := range w.tables.InterfacesOf.List(&r, key) {
		if !staying[i.Key] {
			interfaces = append(interfaces, i.Key)
		}
	}
	for _, k := range interfaces {
		w.tables.RouterInterfaces.Delete(k)
	}
	var routes []intent.RouteKey
	for route := range w.tables.RoutesOf.List(&r, key) {
		if !staying[route.Key] {
			routes = append(routes, route.Key)
		}
	}
	for _, k := range routes {
		w.tables.Routes.Delete(k)
	}
	var policies []intent.PolicyKey
	for p := range w.tables.PoliciesOf.List(&r, key) {
		if !staying[p.Key] {
			policies = append(policies, p.Key)
		}
	}
	for _, k := range policies {
		w.tables.Policies.Delete(k)
	}
}

// putTrunk takes over a trunk with its subports: as many as there are.
func (w *world) putTrunk(res *weftv1.Resource) error {
	trunk, subports, err := intent.TrunkRows(res)
	if err != nil {
		return err
	}
	w.tables.Trunks.Put(trunk)
	staying := map[intent.Key]bool{}
	for _, s := range subports {
		w.tables.Subports.Put(s)
		staying[s.Port] = true
	}
	w.dropSubports(trunk.Key, staying)
	return nil
}

func (w *world) dropTrunk(key intent.Key) {
	w.tables.Trunks.Delete(key)
	w.dropSubports(key, nil)
}

// dropSubports forgets the subports of a trunk that are not staying. One that another trunk has taken is no longer among them.
func (w *world) dropSubports(trunk intent.Key, staying map[intent.Key]bool) {
	var r table.Reader // what is read here is nobody's to remember
	var gone []intent.Key
	for s := range w.tables.SubportsOf.List(&r, trunk) {
		if !staying[s.Port] {
			gone = append(gone, s.Port)
		}
	}
	for _, port := range gone {
		w.tables.Subports.Delete(port)
	}
}
