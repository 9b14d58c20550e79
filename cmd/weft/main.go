// Command weft speaks to weftd, the Weft SDN controller. Package northbound/cli is what it does.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/weft-sdn/weft/northbound/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
