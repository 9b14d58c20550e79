// Package cli is what the command weft does. Main is the whole program as a function, so that tests run it in-process:
//
//	code := cli.Main(ctx, []string{"get", "ports"}, os.Stdin, os.Stdout, os.Stderr)
//
// Main path: Main builds the tree of commands (root.go) and runs one; a command reads its arguments (names.go, files.go),
// dials with package client (root.go), calls, and prints (table.go, columns.go, summary.go). What goes wrong comes back as
// an error and is told by fail.go, as sentences with the line of the file where there is one.
//
// Results go to stdout, errors and remarks to stderr. Exit status: 0 done; 1 refused, not found or not realised; 2 wrong
// usage; 3 no server could be reached. Commands start no goroutine.
package cli
