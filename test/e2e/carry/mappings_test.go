package carry_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/test/e2e"
)

// A host's bridge mappings: as it says them itself, under what is configured for it, across a restart of weftd; mistakes are
// named, and what is right besides them is in use.
func TestMappings(t *testing.T) {
	t.Parallel()
	c := e2e.New(t, e2e.Options{Hosts: e2e.Hosts(1), Prepare: func(c *e2e.Cloud) {
		for _, name := range physicals {
			c.Physical(name, "h1")
		}
	}})
	say := func(mappings string) {
		t.Helper()
		_, err := c.Host("h1").Vsctl("--no-wait", "set", "Open_vSwitch", ".", fmt.Sprintf("external_ids:weft-bridge-mappings=%q", mappings))
		c.Do(err)
	}
	both := map[string]string{"physnet1": "br-physnet1", "physnet2": "br-physnet2"}
	mapped(c, both, "")
	for _, step := range []struct {
		name, says, spec string
		want             map[string]string
		wrong            string
	}{
		{"one", "physnet1:br-physnet1", "", map[string]string{"physnet1": "br-physnet1"}, ""},
		{"configured", "physnet1:br-physnet1", "physnet1: br-physnet2, wan: br-physnet1", map[string]string{"physnet1": "br-physnet2", "wan": "br-physnet1"}, ""},
		{"taken away", "physnet1:br-physnet1,physnet2:br-physnet2", `physnet1: ""`, map[string]string{"physnet2": "br-physnet2"}, ""},
		{"malformed", "physnet1, :br-physnet1,physnet2:br-physnet2", "", map[string]string{"physnet2": "br-physnet2"}, `"physnet1" is not of the form`},
		{"no such bridge", "physnet2:br-none", "", map[string]string{"physnet2": "br-none"}, "bridge br-none, which does not exist"},
		{"one bridge for two", "physnet1:br-physnet1,physnet2:br-physnet1", "", map[string]string{"physnet1": "br-physnet1", "physnet2": "br-physnet1"},
			"physical networks physnet1 and physnet2 are both mapped to bridge br-physnet1"},
		{"all", "physnet1:br-physnet1,physnet2:br-physnet2", "", both, ""},
	} {
		say(step.says)
		c.Apply(fmt.Sprintf("kind: Host\nname: h1\nspec: {bridgeMappings: {%s}}\n", step.spec))
		c.Run(step.name, func(c *e2e.Cloud) { mapped(c, step.want, step.wrong) })
	}
	c.Do(c.Weftd.Kill())
	c.Restart()
	mapped(c, both, "")
}

// mapped waits until a host's status has just these mappings, and says what is wrong.
func mapped(c *e2e.Cloud, want map[string]string, wrong string) {
	c.T.Helper()
	c.Eventually(patience, "the mappings are known", func() error {
		st := c.Get("host/h1").GetStatus()
		if got := st.GetHost().GetBridgeMappings(); !maps.Equal(got, want) {
			return fmt.Errorf("they are %v, want %v", got, want)
		}
		if text := fmt.Sprint(st.GetConditions()); wrong != "" && !strings.Contains(strings.ReplaceAll(text, `\"`, `"`), wrong) {
			return fmt.Errorf("nobody says %q: %s", wrong, text)
		}
		if wrong == "" && len(st.GetConditions()) > 0 {
			return fmt.Errorf("something is wrong: %v", st.GetConditions())
		}
		return nil
	})
}
