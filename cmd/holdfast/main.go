// Command holdfast certifies, replays and checks: it runs fault scenarios on the simulated pool, writes the
// report of a run, and judges histories that somebody else recorded.
//
//	holdfast certify      run the library of scenarios and write page, JUnit XML and certificate
//	holdfast campaign     run many random plans of faults
//	holdfast replay       run one scenario again, with its trace if wanted
//	holdfast reduce       make a failing script small
//	holdfast check        decide whether recorded client histories are linearizable
//	holdfast scenarios    list, show and format scenario scripts
//	holdfast lab          run real Xen hosts in emulated machines
//	holdfast report       put the shards of a campaign together
//	holdfast version      say what this program is
//
// The program holds no knowledge about the protocol. Package scenarios runs, package reports/check judges,
// package reports/render writes; what is here reads flags, shows progress and chooses the exit code.
// docs/cli.md is the reference for users.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/jonboulle/clockwork"
	"github.com/spf13/cobra"

	"holdfast/faults/lex"
)

func main() {
	if os.Getenv("GOGC") == "" {
		// A simulated pool is small and makes much garbage: collecting it at every doubling, as with GOGC=100, takes a fifth of the time.
		debug.SetGCPercent(400)
	}
	// The first Ctrl-C asks for a clean stop; as soon as it came, the default is back and a second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	a := &app{
		out: newStream(os.Stdout), err: newStream(os.Stderr), clock: clockwork.NewRealClock(),
		run: runScenario, library: libraryScripts,
	}
	os.Exit(a.execute(ctx, os.Args[1:]))
}

// execute runs one command line and returns the exit code.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if code, ok := asRemoteExit(err); ok {
		return code
	}
	var result *outcomeError
	var interrupted *interruptedError
	switch {
	case err == nil:
		return exitPass
	case errors.As(err, &result):
		return exitCode(result.outcome)
	case errors.As(err, &interrupted):
		fmt.Fprintf(a.err, "holdfast: interrupted; %s\n", interrupted.kept)
		return exitInterrupted
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(a.err, "holdfast: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(a.err, "holdfast: %v\n", err)
	var internal *internalError
	if errors.As(err, &internal) {
		return exitCrash
	}
	return exitUsage
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "holdfast",
		Short: "Prove that protected virtual machines lose nothing when hardware fails",
		Long: `Holdfast keeps virtual machines on Xen running through the failure of the hardware
under them. This tool proves it: it runs fault scenarios against the protocol engine
on a simulated pool and checks what clients saw.

Exit codes: 0 pass, 1 safety, 2 usage or bad input, 3 liveness, 4 crash,
5 inconclusive, 130 interrupted.`,
		Args:          knownCommand,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; %q lists the flags", err, cmd.CommandPath()+" --help")
	})
	root.AddCommand(a.certifyCommand(), a.campaignCommand(), a.replayCommand(), a.reduceCommand(), a.checkCommand(), a.scenariosCommand(), a.reportCommand(), a.labCommand(), a.versionCommand())
	return root
}

// knownCommand refuses the arguments of a command that has only subcommands, and names the nearest of those.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	hint := fmt.Sprintf("%q lists the commands", cmd.CommandPath()+" --help")
	if near := lex.Nearest(args[0], names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return fmt.Errorf("unknown command %q for %q; %s", args[0], cmd.CommandPath(), hint)
}
