package controller

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/controller/intent"
	"github.com/weft-sdn/weft/controller/table"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// overlayRouter fills in where a router is, and what has become of its routes.
func (c *core) overlayRouter(key intent.Key, v *verdict) {
	c.world.mu.RLock()
	defer c.world.mu.RUnlock()
	if v.status.GetRouter() == nil {
		v.status.Details = &weftv1.Status_Router{Router: &weftv1.RouterStatus{}}
	}
	t := c.world.tables
	var r table.Reader // what is read here is nobody's to remember
	router, ok := t.Routers.Get(&r, key)
	if !ok {
		return
	}
	s := v.status.GetRouter()
	s.Hosts = slices.Clone(t.ActiveOn.List(&r, key))
	for _, i := range s.GetInterfaces() {
		i.Seat = ""
		for face := range t.InterfacesOf.List(&r, key) {
			if seat, ok := t.Seats.Get(&r, intent.SeatKey{Network: face.Network, MAC: face.MAC}); ok && strings.HasPrefix(i.GetAddress(), face.IP.String()+"/") {
				i.Seat = seat.Host
			}
		}
	}
	s.Routes = nil
	add := func(route *weftv1.RouteStatus) {
		if !router.Up {
			route.Realised, route.Reason = false, "the router is administratively down"
		}
		s.Routes = append(s.Routes, route)
	}
	for i := range t.InterfacesOf.List(&r, key) {
		add(&weftv1.RouteStatus{Destination: i.Prefix.String(), Origin: "connected", Ways: []string{"on " + i.Network.String()}, Realised: true})
	}
	for route := range t.RoutesOf.List(&r, key) {
		way := map[intent.RouteType]string{intent.Blackhole: "drop", intent.Reject: "reject"}[route.Type]
		add(routeStatus(t, &r, key, &weftv1.RouteStatus{Destination: route.Key.Destination.String(), Origin: "static"}, way, route.Hops))
	}
	for p := range t.PoliciesOf.List(&r, key) {
		way := map[intent.PolicyAction]string{intent.Allow: "allow", intent.DropAll: "drop"}[p.Action]
		add(routeStatus(t, &r, key, &weftv1.RouteStatus{Destination: policyText(p), Origin: "policy"}, way, p.Hops))
	}
}

// routeStatus fills in the ways of a route. Without hops it has the one given.
func routeStatus(t *intent.Tables, r *table.Reader, router intent.Key, s *weftv1.RouteStatus, way string, hops []intent.NextHop) *weftv1.RouteStatus {
	if len(hops) == 0 {
		s.Ways, s.Realised = []string{way}, true
		return s
	}
	var problems []string
	for _, hop := range hops {
		text := "via " + hop.IP.String()
		if hop.Weight != 1 {
			text += fmt.Sprintf(" weight %d", hop.Weight)
		}
		s.Ways = append(s.Ways, text)
		if problem := t.HopProblem(r, router, hop.IP); problem != "" {
			problems = append(problems, problem)
		}
	}
	s.Realised, s.Reason = len(problems) < len(hops), strings.Join(problems, "; ")
	return s
}

// policyText is "100: from 10.0.0.0/24 to any, protocol 6".
func policyText(p intent.Policy) string {
	from, to := "any", "any"
	if p.Source.IsValid() {
		from = p.Source.String()
	}
	if p.Destination.IsValid() {
		to = p.Destination.String()
	}
	text := fmt.Sprintf("%d: from %s to %s", p.Key.Priority, from, to)
	if p.Protocol4 != 0 {
		text += fmt.Sprintf(", protocol %d", p.Protocol4)
	}
	return text
}
