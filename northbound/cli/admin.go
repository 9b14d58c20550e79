package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/northbound/client"
)

func (a *app) backupCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "backup FILE",
		Short:   "Write a copy of the store to a file, or to - for standard output",
		Example: "  weft backup weft.backup",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(cmd.Context(), func(c *client.Client) error { return a.backup(cmd.Context(), c, args[0]) })
		},
	}
}

// backup writes to a new file beside the named one and renames it when it is whole: there is never half a backup under
// that name, and an older one stays until then.
func (a *app) backup(ctx context.Context, c *client.Client, name string) (err error) {
	if name == "-" {
		_, err := c.Backup(ctx, a.out)
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".part-*") // readable by its owner only
	if err != nil {
		return pathError(err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name()) //nolint:errcheck // the first error is the one to tell
		}
	}()
	size, err := c.Backup(ctx, f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return pathError(err)
	}
	fmt.Fprintf(a.out, "%s: %d bytes\n", name, size)
	return nil
}

func (a *app) restoreCmd() *cobra.Command {
	var opt client.RestoreOptions
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Replace the store's contents by a backup's, from a file or - for standard input",
		Long: `Replace the store's contents by a backup's. The backup is checked whole before anything is written. A store that is not
empty is left alone, unless --replace is given.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := a.in
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return pathError(err)
				}
				defer f.Close() //nolint:errcheck // only read
				r = f
			}
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				resp, err := c.Restore(cmd.Context(), r, opt)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "%s restored, revision %d\n", count(int(resp.GetKeys()), "key"), resp.GetRevision())
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&opt.Replace, "replace", false, "replace what the store holds")
	return cmd
}

func (a *app) logLevelCmd() *cobra.Command {
	levels := []string{"error", "warning", "info", "debug", "trace"}
	return &cobra.Command{
		Use:       "log-level LEVEL",
		Short:     "Change how much weftd logs: error, warning, info, debug or trace",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: levels,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				previous, err := c.SetLogLevel(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "log level %s, before %s\n", args[0], previous)
				return nil
			})
		},
	}
}

func (a *app) versionCmd() *cobra.Command {
	var only bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of weft and of weftd, and how weftd is",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(a.out, "weft   %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			if only {
				return nil
			}
			return a.withClient(cmd.Context(), func(c *client.Client) error {
				info, err := c.Info(cmd.Context())
				if err != nil {
					return err
				}
				fmt.Fprintf(a.out, "weftd  %s at %s: revision %d, compiled %d, %d of %s online, %s\n", info.GetVersion(), c.Address(), info.GetRevision(),
					info.GetCompiledRevision(), info.GetHostsOnline(), count(int(info.GetHosts()), "host"), count(int(info.GetFlows()), "flow"))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&only, "client", false, "do not ask weftd")
	return cmd
}

// stamped is the version that the Makefile sets at build time.
var stamped string

// version is the stamped one, or else what the Go tool noted when it built the program.
func version() string {
	if stamped != "" {
		return stamped
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				v += "-" + s.Value[:12]
			}
		}
	}
	return v
}
