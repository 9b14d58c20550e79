// Command gen writes docs/pipeline.md from the pipeline's literals. Run it from the repository's root.
package main

import (
	"fmt"
	"os"

	"github.com/weft-sdn/weft/apps/pipeline"
)

func main() {
	if err := os.WriteFile("docs/pipeline.md", []byte(pipeline.Markdown()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
