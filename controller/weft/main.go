package weft

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/apps"
	"github.com/weft-sdn/weft/controller"
)

// App is an app of somebody else.
type App = apps.App

// Main runs weftd with more apps. Frames pass the tables that these have at one point of the pipeline in their order.
func Main(more ...App) { Run("devel", more...) }

// Run is Main with what weftd says is its version.
func Run(version string, more ...App) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(version, more).ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "weftd:", err)
		os.Exit(1)
	}
}

func command(version string, more []App) *cobra.Command {
	cfg := controller.Config{Apps: more, Version: version, Log: logrus.StandardLogger()}
	var logLevel, logFormat, pprof string
	c := &cobra.Command{
		Use:           "weftd",
		Short:         "SDN controller for Open vSwitch",
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := setLog(cfg.Log, logLevel, logFormat); err != nil {
				return err
			}
			cfg.Pprof = pprof
			return controller.Run(cmd.Context(), cfg)
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.DataDir, "data-dir", "/var/lib/weft", "directory of the embedded store")
	f.StringSliceVar(&cfg.Etcd.Endpoints, "etcd-endpoints", nil, "etcd cluster to use instead of the embedded store")
	f.StringVar(&cfg.Etcd.Username, "etcd-user", "", "etcd user; the password is read from WEFT_ETCD_PASSWORD")
	f.StringVar(&cfg.GRPC, "grpc", "127.0.0.1:6650", "address of the API")
	f.StringVar(&cfg.OpenFlow, "openflow", ":6653", "address where switches connect")
	f.StringVar(&cfg.OVSDB, "ovsdb", ":6640", "address where OVSDB servers connect")
	f.StringVar(&cfg.Metrics, "metrics", "127.0.0.1:6651", `address of /metrics, or "none"`)
	f.StringVar(&pprof, "pprof", "off", `"on": serve /debug/pprof beside the metrics`)
	f.StringVar(&cfg.Advertise, "advertise", "", "address at which switches reach OpenFlow (default: the one their OVSDB connection came to)")
	f.IntVar(&cfg.UnderlayMTU, "underlay-mtu", 1500, "MTU between hosts, bytes")
	f.IntVar(&cfg.UnderlayIP, "underlay-ip", 4, "version of IP between hosts, 4 or 6, for the MTU of networks")
	f.Uint16Var(&cfg.VXLANPort, "vxlan-port", 4789, "UDP port of VXLAN, the same on all hosts")
	f.Uint16Var(&cfg.GenevePort, "geneve-port", 6081, "UDP port of Geneve, the same on all hosts")
	f.DurationVar(&cfg.TunnelBFD, "tunnel-bfd-interval", 0, "how often hosts that share a network watch the tunnel between them, 100ms to 1m; 0: never")
	for name, files := range map[string]*controller.TLSFiles{
		"etcd": &cfg.Etcd.TLS, "grpc": &cfg.GRPCTLS, "openflow": &cfg.OpenFlowTLS, "ovsdb": &cfg.OVSDBTLS,
	} {
		f.StringVar(&files.Cert, name+"-cert", "", "certificate for "+name+" (PEM)")
		f.StringVar(&files.Key, name+"-key", "", "private key for "+name+" (PEM)")
		f.StringVar(&files.CA, name+"-ca", "", "certificate authority that peers of "+name+" must be signed by (PEM)")
	}
	f.StringVar(&logLevel, "log-level", "info", "error, warning, info, debug or trace")
	f.StringVar(&logFormat, "log-format", "text", "text or json")
	cfg.Etcd.Password = os.Getenv("WEFT_ETCD_PASSWORD")
	return c
}

func setLog(log *logrus.Logger, level, format string) error {
	l, err := logrus.ParseLevel(level)
	if err != nil {
		return fmt.Errorf("--log-level: %q is not a level", level)
	}
	log.SetLevel(l)
	switch strings.ToLower(format) {
	case "json":
		log.SetFormatter(&logrus.JSONFormatter{})
	case "text":
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true})
	default:
		return fmt.Errorf("--log-format: %q is neither text nor json", format)
	}
	return nil
}
