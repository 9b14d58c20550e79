package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
	"github.com/weft-sdn/weft/northbound/manifest"
	weftv1 "github.com/weft-sdn/weft/proto/weft/v1"
)

// scope is the flags that select resources.
type scope struct {
	project string
	all     bool
	labels  map[string]string
	fields  []string
}

func (s *scope) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&s.project, "project", "p", env("WEFT_PROJECT", ""), "the `project`")
	f.BoolVarP(&s.all, "all-projects", "A", false, "all projects, whatever WEFT_PROJECT says")
	f.StringToStringVarP(&s.labels, "label", "l", nil, "only resources with this `key=value`")
	f.StringArrayVar(&s.fields, "field", nil, "only resources with this `path=value`, such as spec.network=web or status.phase=ACTIVE")
}

// filter is the API's filter for kinds.
func (s *scope) filter(kinds []manifest.Kind) *weftv1.Filter {
	f := &weftv1.Filter{Labels: s.labels, Fields: s.fields, Project: s.project}
	if s.all {
		f.Project = ""
	}
	for _, k := range kinds {
		f.Kinds = append(f.Kinds, k.Name)
		if k.Global {
			f.Project = ""
		}
	}
	return f
}

// narrowed says that more than the project selects, which named resources do not go with.
func (s *scope) narrowed() bool { return len(s.labels)+len(s.fields) > 0 || s.all }

// selection is what arguments name: whole kinds, or single resources.
type selection struct {
	kinds []manifest.Kind
	refs  []*weftv1.ResourceRef
}

// selection reads "KIND[,KIND…]", "all", "KIND NAME…" or "KIND/PROJECT/NAME…".
func (s *scope) selection(args []string) (selection, error) {
	if len(args) == 0 {
		return selection{}, usagef("say what: a kind, such as ports, or names, such as port/red/vm1")
	}
	if strings.Contains(args[0], "/") {
		refs, err := s.keys(args)
		return selection{refs: refs}, err
	}
	if args[0] == "all" && len(args) == 1 {
		return selection{kinds: manifest.Kinds()}, nil
	}
	var kinds []manifest.Kind
	for word := range strings.SplitSeq(args[0], ",") {
		k, err := manifest.FindKind(word)
		if err != nil {
			return selection{}, usageError{err.Error()}
		}
		kinds = append(kinds, k)
	}
	if len(args) == 1 {
		return selection{kinds: kinds}, nil
	}
	if len(kinds) > 1 {
		return selection{}, usagef("names need one kind, not %d", len(kinds))
	}
	var refs []*weftv1.ResourceRef
	for _, name := range args[1:] {
		ref, err := s.ref(kinds[0], name)
		if err != nil {
			return selection{}, err
		}
		refs = append(refs, ref)
	}
	return selection{refs: refs}, nil
}

// keys reads names with their kinds.
func (s *scope) keys(args []string) ([]*weftv1.ResourceRef, error) {
	var refs []*weftv1.ResourceRef
	for _, arg := range args {
		kind, name, ok := strings.Cut(arg, "/")
		if !ok {
			return nil, usagef("%q is no name of a resource, such as port/red/vm1 or host/h1", arg)
		}
		k, err := manifest.FindKind(kind)
		if err != nil {
			return nil, usageError{err.Error()}
		}
		ref, err := s.ref(k, name)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// ref reads a name of a known kind: "vm1" or "red/vm1".
func (s *scope) ref(k manifest.Kind, name string) (*weftv1.ResourceRef, error) {
	project := s.project
	if before, after, ok := strings.Cut(name, "/"); ok {
		project, name = before, after
	}
	lower := strings.ToLower(k.Name)
	switch {
	case name == "" || strings.Contains(name, "/"):
		return nil, usagef("%q is no name of a %s", name, lower)
	case k.Global:
		return &weftv1.ResourceRef{Kind: k.Name, Name: name}, nil
	case project == "":
		return nil, usagef("in which project is %s %s? Give -p PROJECT, or %s/PROJECT/%s", lower, name, lower, name)
	}
	return &weftv1.ResourceRef{Kind: k.Name, Project: project, Name: name}, nil
}

func refKey(r *weftv1.ResourceRef) string {
	return manifest.Key(r.GetKind(), r.GetProject(), r.GetName())
}

// complete offers kinds, and then the names that the server has of that kind.
func (a *app) complete(s *scope) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		var words []string
		if len(args) == 0 {
			for _, k := range manifest.Kinds() {
				words = append(words, k.Plural())
			}
			return append(words, "all"), cobra.ShellCompDirectiveNoFileComp
		}
		k, err := manifest.FindKind(args[0])
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		// What cannot be listed is not offered; the command itself will say why.
		_ = a.withClient(cmd.Context(), func(c *client.Client) error {
			found, _, err := c.ListAll(cmd.Context(), s.filter([]manifest.Kind{k}))
			for _, r := range found {
				name := r.GetName()
				if !k.Global && s.project == "" {
					name = r.GetProject() + "/" + name
				}
				words = append(words, name)
			}
			return err
		})
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}
