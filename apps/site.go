package apps

import (
	"errors"
	"fmt"

	"github.com/weft-sdn/weft/apps/pipeline"
	"github.com/weft-sdn/weft/controller/compile"
	"github.com/weft-sdn/weft/controller/intent"
)

// Ids of other people's apps.
const (
	firstID = 200
	lastID  = 239
)

// App is an app of somebody else.
type App struct {
	Name string // of one word, that no other app has
	ID   uint8  // 200 to 239, which no other app has: it marks the cookies of the app's flows
	// New makes the app: its rules, and its Handler and Keeper if it has these. Name and ID are filled in.
	New func(*Site) compile.App
}

// Site is what an app of somebody else is built on: the rows that its rules are over, and the place of its tables in the pipeline.
type Site struct {
	*intent.Tables
	app    string // that is being made
	points pipeline.Plan
	errs   []error
}

// Table gives the app a table at a point, after those that are there, and returns its number. Names of tables are unique. What is
// wrong ends the start when all apps have been made.
func (s *Site) Table(name, doc string, at pipeline.Point) uint8 {
	id, err := s.points.Add(s.app, name, doc, at)
	if err != nil {
		s.errs = append(s.errs, err)
	}
	return id
}

// Build makes other people's apps over the tables, in their order, and returns them with the tables that they have at points.
func Build(t *intent.Tables, others []App) ([]compile.App, pipeline.Plan, error) {
	s := &Site{Tables: t}
	var all []compile.App
	for _, o := range others {
		switch {
		case o.ID < firstID || o.ID > lastID:
			s.errs = append(s.errs, fmt.Errorf("app %s: id %d is not between %d and %d", o.Name, o.ID, firstID, lastID))
		case o.New == nil:
			s.errs = append(s.errs, fmt.Errorf("app %s: nothing makes it", o.Name))
		default:
			s.app = o.Name
			a := o.New(s)
			a.Name, a.ID = o.Name, o.ID
			all = append(all, a)
		}
	}
	return all, s.points, errors.Join(s.errs...)
}
