package cli

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
)

// Exit statuses.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
)

const long = `weft speaks to weftd, the Weft SDN controller.

Resources are named kind/project/name: port/red/vm1, host/h1. Kinds may be written in the plural, in any case, and short
where that is clear (po, net). Run "weft get all" to see what there is.

Exit status: 0 done; 1 refused, not found or not realised; 2 wrong usage; 3 no server could be reached.

Environment: WEFT_SERVER, WEFT_TLS_CA, WEFT_TLS_CERT, WEFT_TLS_KEY, WEFT_TLS_SERVER_NAME and WEFT_PROJECT stand for the
flags of those names.`

// app is one run of the program.
type app struct {
	in       io.Reader
	out, err io.Writer
	now      func() time.Time

	conf    client.Config
	started bool // a command has begun, so errors are no longer about usage
}

// Main runs weft with its arguments (without the program's name) and returns the exit status.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{in: stdin, out: stdout, err: stderr, now: time.Now}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return a.fail(root.ExecuteContext(ctx))
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use: "weft", Short: "Weft's command line", Long: long, SilenceErrors: true, SilenceUsage: true,
		PersistentPreRun: func(*cobra.Command, []string) { a.started = true },
	}
	f := root.PersistentFlags()
	f.StringVar(&a.conf.Address, "server", env("WEFT_SERVER", client.DefaultAddress), "address of weftd, `host:port` or unix:/path")
	f.StringVar(&a.conf.CAFile, "tls-ca", env("WEFT_TLS_CA", ""), "use TLS, and trust the authorities in this `file` (PEM)")
	f.StringVar(&a.conf.CertFile, "tls-cert", env("WEFT_TLS_CERT", ""), "use TLS, and show the certificate in this `file` (PEM)")
	f.StringVar(&a.conf.KeyFile, "tls-key", env("WEFT_TLS_KEY", ""), "the certificate's key, a `file` (PEM)")
	f.StringVar(&a.conf.ServerName, "tls-server-name", env("WEFT_TLS_SERVER_NAME", ""), "`name` that the server's certificate must have, if not that of its address")
	root.AddCommand(a.applyCmd(), a.getCmd(), a.describeCmd(), a.deleteCmd(), a.watchCmd(), a.logCmd(), a.waitCmd(), a.hostsCmd(),
		a.explainCmd(), a.backupCmd(), a.restoreCmd(), a.logLevelCmd(), a.versionCmd(), a.labCmd(),
		a.flowCmd(), a.topoCmd(), a.packetCmd())
	return root
}

// env is a variable of the environment, or else a default.
func env(name, otherwise string) string {
	if v, ok := os.LookupEnv(name); ok && v != "" {
		return v
	}
	return otherwise
}

// withClient runs f with a connection.
func (a *app) withClient(ctx context.Context, f func(*client.Client) error) error {
	c, err := client.Dial(ctx, a.conf)
	if err != nil {
		return err
	}
	err = f(c)
	c.Close() //nolint:errcheck // every call on it has ended
	return err
}
