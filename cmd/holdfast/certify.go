package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/reports"
	"holdfast/reports/render"
	"holdfast/xen/lab"
	"holdfast/xen/lab/certify"
)

// certifyFlags are the flags of certify.
type certifyFlags struct {
	out  string
	only []string
	jobs int
	seed uint64
	json bool

	backend, driver string
	// kind and service of the guest, with the lab.
	kind, service string
}

func (a *app) certifyCommand() *cobra.Command {
	var f certifyFlags
	cmd := &cobra.Command{
		Use:   "certify [FILE…]",
		Short: "Run the library of fault scenarios and write the report",
		Long: `Runs the scenarios of the library, or the given files, and writes three files into the
output folder: index.html for people, junit.xml for build servers, certificate.json for
archives. No report is written when the run is interrupted.

With --backend lab they run on real Xen hosts in emulated machines (docs/lab.md), protected by a
driver: one of the ways that exist today. Scenarios that the driver cannot run are skipped
with the reason. What clients saw is kept below histories/.`,
		Example: "  holdfast certify\n  holdfast certify --only 'ft/*' --seed 7 --out out/ft\n  holdfast certify my.hfs\n  holdfast certify --backend lab --driver watcher --only 'restart/*'",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.certify(cmd, args, f) },
	}
	cmd.Flags().StringVar(&f.out, "out", "out/certify", "folder for the report; with --backend lab out/lab unless it is given")
	cmd.Flags().StringSliceVar(&f.only, "only", nil, "run only scenarios whose name matches `PATTERN`, such as 'ft/*' or '*-power-loss-*' (repeatable)")
	cmd.Flags().IntVar(&f.jobs, "jobs", runtime.GOMAXPROCS(0), "scenarios to run at a time, 1 or more")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of every scenario")
	cmd.Flags().StringVar(&f.backend, "backend", simBackend, "what to run on: sim, or lab")
	cmd.Flags().StringVar(&f.driver, "driver", "", "with --backend lab: how the VM is protected: "+strings.Join(certify.Drivers(), ", "))
	cmd.Flags().StringVar(&f.kind, "type", "", "with --backend lab: how the guest is virtualised: pvh (default), pv or hvm")
	cmd.Flags().StringVar(&f.service, "service", "", "with --backend lab: what guests with a disk serve: registers (default), redis or postgres")
	cmd.Flags().BoolVar(&f.json, "json", false, "print the certificate on standard output, progress on standard error")
	return cmd
}

// certify checks everything that can be wrong before it runs anything.
func (a *app) certify(cmd *cobra.Command, args []string, f certifyFlags) error {
	if f.jobs < 1 {
		return fmt.Errorf("--jobs %d: at least one scenario must run at a time", f.jobs)
	}
	if err := f.checkBackend(); err != nil {
		return err
	}
	if f.backend == labBackend && !cmd.Flags().Changed("out") {
		f.out = labOut // the simulator's certificate is worth keeping
	}
	sources, err := a.sources(args, f.only)
	if err != nil {
		return err
	}
	folder, err := render.OpenFolder(f.out)
	if err != nil {
		return err
	}
	run := &reports.Run{
		Tool: thisTool(), Started: a.clock.Now().UTC(), Seed: f.seed, Selection: strings.Join(append(f.only, args...), " "),
	}
	lines := a.out
	if f.json || a.err.terminal {
		lines = a.err
	}
	if f.backend == labBackend {
		if a, sources, err = a.onLab(&f, sources, run, lines); err != nil {
			return err
		}
	}
	p := newProgress(lines, len(sources))
	err = a.executeAll(cmd.Context(), sources, f.seed, f.jobs, func(s reports.Scenario) {
		if run.Backend != "" {
			s.Again = s.OnLab(f.labFlags())
		}
		p.show(s)
		run.Scenarios = append(run.Scenarios, s)
	})
	p.end()
	if err != nil {
		return err
	}
	run.WallNS = a.clock.Since(run.Started).Nanoseconds()
	run.Totals = reports.Summarize(run.Scenarios)
	if err := folder.Write(run); err != nil {
		return &internalError{err}
	}
	if f.json {
		err = render.Certificate(a.out, run)
	} else {
		a.printRun(run, folder)
	}
	if err != nil {
		return &internalError{err}
	}
	return concluded(run.Totals.Outcome)
}

// The backends, and where a run on the lab goes unless it is said.
const (
	simBackend = "sim"
	labBackend = "lab"
	labOut     = "out/lab"
)

// checkBackend checks the flags that say where scenarios run.
func (f *certifyFlags) checkBackend() error {
	switch {
	case f.backend != simBackend && f.backend != labBackend:
		return fmt.Errorf("--backend %q: the backends are sim and lab", f.backend)
	case f.backend == simBackend && f.driver != "":
		return fmt.Errorf("--driver %s: only --backend lab has drivers; the simulator runs Holdfast's engine", f.driver)
	case f.backend == simBackend && f.kind+f.service != "":
		return errors.New("--type and --service describe the lab's guest; they need --backend lab")
	case f.kind != "" && !slices.Contains(lab.Kinds(), lab.Kind(f.kind)):
		return fmt.Errorf("--type %s: the types are %q", f.kind, lab.Kinds())
	case f.service != "" && !slices.Contains(lab.ServiceNames(), lab.Service(f.service)):
		return fmt.Errorf("--service %s: the services are %q", f.service, lab.ServiceNames())
	case f.backend == labBackend && f.driver == "":
		return fmt.Errorf("--backend lab needs --driver: %s", strings.Join(certify.Drivers(), ", "))
	}
	return nil
}

// guest returns what the flags say about the lab's guest.
func (f *certifyFlags) guest() certify.Options {
	return certify.Options{Kind: lab.Kind(f.kind), Service: lab.Service(f.service)}
}

// labFlags returns the flags that a scenario is run with on the lab.
func (f *certifyFlags) labFlags() string {
	flags := "--driver " + f.driver
	if f.kind != "" {
		flags += " --type " + f.kind
	}
	if f.service != "" {
		flags += " --service " + f.service
	}
	return flags
}

// serves describes the guest where it is not the usual one, for people.
func (f *certifyFlags) serves() string {
	out := ""
	if f.kind != "" {
		out += ", a guest of type " + f.kind
	}
	if f.service != "" {
		out += ", " + f.service
	}
	return out
}

// sources returns the given files, or what the patterns choose from the library.
func (a *app) sources(files, only []string) ([]source, error) {
	if len(files) == 0 {
		return a.choose(only)
	}
	if len(only) > 0 {
		return nil, fmt.Errorf("--only chooses from the library; it cannot be combined with files")
	}
	var out []source
	names := map[string]string{}
	for _, file := range files {
		s, err := readSource(file)
		if err != nil {
			return nil, err
		}
		if first, taken := names[s.Script.Name]; taken {
			return nil, fmt.Errorf("%s and %s both hold a scenario %q; give one of them another name", first, file, s.Script.Name)
		}
		names[s.Script.Name] = file
		out = append(out, s)
	}
	return out, nil
}

// printRun sums up a run for a person.
func (a *app) printRun(run *reports.Run, folder *render.Folder) {
	t := run.Totals
	for _, s := range run.Scenarios {
		if s.Outcome != reports.Pass {
			fmt.Fprintf(a.out, "replay: %s\n", s.Replay())
		}
	}
	clock := "simulated"
	if run.Backend != "" {
		clock = "of the scripts' time"
	}
	fmt.Fprintf(a.out, "\n%s: %d of %d scenarios passed in %s (%s %s)\n",
		a.out.paint(t.Outcome, strings.ToUpper(string(t.Outcome))), t.Outcomes[reports.Pass], t.Scenarios,
		reports.FormatNS(run.WallNS), reports.FormatNS(t.SimulatedNS), clock)
	fmt.Fprintf(a.out, "%d of %d histories linearizable, %d operations, %d acknowledged and lost, %d faults\n",
		t.Proven, t.Histories, t.Operations, t.LostOperations, t.Faults)
	if t.RTO.Count > 0 {
		fmt.Fprintf(a.out, "recovery time of %d failovers: median %s, p99 %s, max %s\n", t.RTO.Count,
			reports.FormatNS(t.RTO.Median), reports.FormatNS(t.RTO.P99), reports.FormatNS(t.RTO.Max))
	}
	if len(run.Skipped) > 0 {
		fmt.Fprintf(a.out, "%d scenarios cannot run on the %s; the report says why\n", len(run.Skipped), run.Backend)
	}
	fmt.Fprintf(a.out, "report: %s\n", folder.Path(render.PageFile))
}
