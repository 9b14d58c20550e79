package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/weft-sdn/weft/northbound/manifest"
)

// documents reads the manifests of -f: files, "-" for standard input, or folders, whose .yaml, .yml and .json files are
// read in the order of their names. Mistakes of all of them are returned together.
func (a *app) documents(names []string, project string) ([]*manifest.Document, error) {
	files, err := expand(names)
	if err != nil {
		return nil, err
	}
	var docs []*manifest.Document
	var all manifest.Errors
	for _, name := range files {
		more, err := a.document(name, project)
		var errs manifest.Errors
		switch {
		case errors.As(err, &errs):
			all = append(all, errs...)
		case err != nil:
			return nil, err
		}
		docs = append(docs, more...)
	}
	if len(all) > 0 {
		return docs, all
	}
	return docs, manifest.Duplicates(docs)
}

func (a *app) document(name, project string) ([]*manifest.Document, error) {
	r, label := a.in, "stdin"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, pathError(err)
		}
		defer f.Close() //nolint:errcheck // only read
		r, label = f, name
	}
	return manifest.Decode(label, r, manifest.Options{Project: project})
}

// expand replaces folders by the manifests in them.
func expand(names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		info, err := os.Stat(name)
		switch {
		case name == "-":
			out = append(out, name)
			continue
		case err != nil:
			return nil, pathError(err)
		case !info.IsDir():
			out = append(out, name)
			continue
		}
		entries, err := os.ReadDir(name)
		if err != nil {
			return nil, pathError(err)
		}
		before := len(out)
		for _, e := range entries {
			if slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(e.Name())) {
				out = append(out, filepath.Join(name, e.Name()))
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("%s: the folder has no .yaml, .yml or .json file", name)
		}
	}
	return out, nil
}

// pathError says "bad.yaml: no such file or directory", without the system call's name.
func pathError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}
