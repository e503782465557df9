package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"holdfast/xen/lab"
	"holdfast/xen/lab/agent"
)

// labOptions are the flags that several lab commands share.
type labOptions struct {
	name   string
	config lab.Config
}

func (a *app) labCommand() *cobra.Command {
	o := &labOptions{}
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "Run real Xen hosts in emulated machines on this computer",
		Long: `Runs real Xen hosts in emulated machines (QEMU, in software) on an ordinary Linux
computer, without root. docs/lab.md tells more.`,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			c, err := lab.Default(o.name)
			if err == nil {
				o.config.Name, o.config.Cache, o.config.Run, o.config.Program = c.Name, c.Cache, c.Run, c.Program
				err = o.config.Validate()
			}
			return err
		},
	}
	standard, _ := lab.Default("default") // an error is reported before any command runs
	o.config = standard
	cmd.PersistentFlags().StringVar(&o.name, "lab", "default", "name of the lab; several can run at a time")
	cmd.AddCommand(a.labBuild(o), a.labUp(o), a.labDown(o), a.labStatus(o), a.labExec(o), a.labPush(o), a.labPower(o), a.labFault(o), a.labConsole(o), a.labGuest(o), a.labCheck(o), a.labBaseline(o), a.labSupervise())
	return cmd
}

// steps returns a function that prints what a lab does, each line with the time since now.
func (a *app) steps(to io.Writer) func(format string, args ...any) {
	start := a.clock.Now()
	return func(format string, args ...any) {
		fmt.Fprintf(to, "%6.1fs  %s\n", a.clock.Since(start).Seconds(), fmt.Sprintf(format, args...))
	}
}

func (a *app) labBuild(o *labOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Make the images and the saved state that hosts start from",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := lab.Prepare(cmd.Context(), o.config, a.steps(a.out))
			if err == nil {
				fmt.Fprintf(a.out, "image %s in %s\n", p.Image.Key, p.Image.Dir)
			}
			return err
		},
	}
	buildFlags(cmd, o)
	return cmd
}

func buildFlags(cmd *cobra.Command, o *labOptions) {
	cmd.Flags().BoolVar(&o.config.Refresh, "refresh", false, "read Debian's index of packages anew, for newer versions")
	cmd.Flags().StringVar(&o.config.Mirror, "mirror", o.config.Mirror, "mirror of Debian's archive; empty: http://deb.debian.org. HOLDFAST_MIRROR sets it for every command")
	cmd.Flags().StringSliceVar(&o.config.Services, "guests", nil, "what guests can have from the start, with commas: redis, postgres, hvm")
	cmd.Flags().BoolVar(&o.config.Cold, "cold", false, "boot hosts from power-on; no state is saved, and none continued")
	cmd.Flags().IntVar(&o.config.Memory, "memory", o.config.Memory, "memory of each host in MiB, of which dom0 takes 1024")
	cmd.Flags().IntVar(&o.config.Disk, "disk", o.config.Disk, "size of each of a host's two disks in MiB")
}

func (a *app) labDown(o *labOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End the lab and remove all that it left, except the cache",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			was, err := lab.NewClient(o.config).Down(cmd.Context())
			if err != nil {
				return err
			}
			if was {
				fmt.Fprintf(a.out, "lab %s is down\n", o.config.Name)
			} else {
				fmt.Fprintf(a.out, "lab %s was not running; nothing of it is left\n", o.config.Name)
			}
			return nil
		},
	}
}

func (a *app) labStatus(o *labOptions) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the lab and its hosts",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := lab.NewClient(o.config).Status(cmd.Context())
			switch {
			case err != nil:
				return err
			case asJSON:
				return printJSON(a.out, s)
			}
			fmt.Fprintf(a.out, "lab %s, running for %s, files in %s and %s\n", s.Name, a.clock.Since(s.Started).Round(time.Second), s.Run, s.Disks)
			table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(table, "HOST\tPHASE\tADDRESS\tRESETS\tPROCESS\t")
			for _, h := range s.Hosts {
				fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%s\n", h.Name, h.Phase, h.Address, h.Resets, h.PID, h.Problem)
			}
			return table.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the status as JSON")
	return cmd
}

// remoteExit ends a command with the exit code of the program that it ran on a host.
type remoteExit int

func (e remoteExit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func (a *app) labExec(o *labOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec HOST COMMAND [ARGUMENT…]",
		Short: "Run a command in a host's dom0",
		Long: `Runs a command in a host's dom0, with this command's input and output, and ends with its
exit code. A single word is run by the shell. The way to the host does not depend on the
lab's networks.`,
		Example: "  holdfast lab exec a xl list\n  holdfast lab exec a 'xl list | wc -l'",
		Args:    atLeast(2, "a host and a command"),
		RunE: func(cmd *cobra.Command, args []string) error {
			words := args[1:]
			if len(words) == 1 {
				words = []string{"sh", "-c", words[0]}
			}
			code, err := lab.NewClient(o.config).Agent(cmd.Context(), args[0]).Exec(cmd.Context(), agent.Command{
				Args: words, Dir: "/root", In: os.Stdin, Out: a.out, Err: a.err,
			})
			if err == nil && code != 0 {
				err = remoteExit(code)
			}
			return err
		},
	}
	cmd.Flags().SetInterspersed(false) // flags behind the host belong to the command
	return cmd
}

func (a *app) labPush(o *labOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "push HOST FILE PLACE",
		Short: "Copy a file to a host's dom0, whole or not at all",
		Args:  exactly(3, "a host, a file here, and its absolute path there"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !path.IsAbs(args[2]) {
				return fmt.Errorf("%s: the place on the host is an absolute path, such as /root/%s", args[2], path.Base(args[2]))
			}
			f, err := os.Open(args[1])
			if err != nil {
				return err
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return err
			}
			if !info.Mode().IsRegular() {
				return fmt.Errorf("%s is no file", args[1])
			}
			return lab.NewClient(o.config).Agent(cmd.Context(), args[0]).Push(cmd.Context(), args[2], info.Mode(), info.Size(), f)
		},
	}
}

func (a *app) labPower(o *labOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "power HOST on|cold|off|reset|freeze|thaw",
		Short: "Switch a host's power, reset it, or stop its processor",
		Long: `on continues the saved state of a ready host with the host's own disks; cold boots it; both
wait until it is ready. off cuts the power. freeze stops the processor, thaw lets it go on.`,
		Args: exactly(2, "a host and what to do"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return lab.NewClient(o.config).Act(cmd.Context(), args[0], args[1])
		},
	}
}

func (a *app) labFault(o *labOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "fault FAULT",
		Short: "Do a fault to the lab's network, disks or power, written as in a scenario",
		Long: `Does a fault to the lab's network, to a host's disk or to its power, written as in a scenario
script (docs/scenarios.md), with the hosts' names. What each fault does is in docs/lab.md
and docs/lab-network.md.`,
		Example: "  holdfast lab fault 'cut a1 a <-> b for 10s'\n  holdfast lab fault 'disk-slow a db by 50ms for 1m'\n  holdfast lab fault 'power-off b lose-unsynced'\n  holdfast lab fault 'isolate b'\n  holdfast lab fault heal-all",
		Args:    someArguments("a fault, written as in a script"),
		RunE: func(cmd *cobra.Command, args []string) error {
			did, err := lab.NewClient(o.config).Fault(cmd.Context(), strings.Join(args, " "))
			if err == nil {
				fmt.Fprintln(a.out, did)
			}
			return err
		},
	}
}

// asRemoteExit returns the exit code of a program on a host, if err is one.
func asRemoteExit(err error) (int, bool) {
	var e remoteExit
	ok := errors.As(err, &e)
	return int(e), ok
}
