package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"holdfast/xen/lab"
)

// A lab is a process of its own, so that it outlives the command that starts it. It is this program again, with the
// command "lab supervise": its configuration comes on standard input, and until the lab is ready it tells what it
// does on file 3, one labMessage in JSON per line.
type labMessage struct {
	Say   string `json:",omitempty"`
	Error string `json:",omitempty"`
	Ready bool   `json:",omitempty"`
}

const labMessages = 3 // number of the file

func (a *app) labUp(o *labOptions) *cobra.Command {
	var g guestFlags
	var withGuest bool
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the lab in the background and wait until its hosts are ready",
		Long: `Starts the lab in the background and waits until all its hosts are ready. Whatever the cache
lacks is made first. Ctrl-C ends it all again.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if withGuest {
				guest, err := g.guest(firstGuest)
				if err != nil {
					return err
				}
				o.config.Guest = &guest
			}
			return a.startLab(cmd.Context(), o.config)
		},
	}
	cmd.Flags().BoolVar(&withGuest, "guest", false, "with a guest that serves, on the first host, from a saved state of both")
	g.add(cmd)
	buildFlags(cmd, o)
	cmd.Flags().IntVar(&o.config.Hosts, "hosts", o.config.Hosts, fmt.Sprintf("number of hosts, 1 to %d", lab.MaxHosts))
	return cmd
}

// startLab starts a supervisor and shows what it does until the lab is ready.
func (a *app) startLab(ctx context.Context, c lab.Config) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if s, err := lab.NewClient(c).Status(ctx); err == nil {
		return fmt.Errorf("the lab %s runs already, for %s; \"holdfast lab status\" shows it, \"lab down\" ends it, and --lab NAME starts another one",
			c.Name, a.clock.Since(s.Started).Round(time.Second))
	}
	cmd, messages, err := spawnSupervisor(c)
	if err != nil {
		return err
	}
	defer messages.Close()
	// It cleans up and ends by itself when it is asked to.
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	defer stop()
	say := a.steps(a.out)
	lines := bufio.NewScanner(messages)
	for lines.Scan() {
		var m labMessage
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return &internalError{fmt.Errorf("message of the lab's process: %w", err)}
		}
		switch {
		case m.Ready:
			say("lab %s is ready", c.Name)
			return nil
		case m.Error != "" && ctx.Err() == nil:
			_ = cmd.Wait()
			return errors.New(m.Error)
		case m.Say != "":
			say("%s", m.Say)
		}
	}
	err = cmd.Wait()
	if ctx.Err() != nil {
		return &interruptedError{"the lab was not started, and nothing of it is left but the cache"}
	}
	return &internalError{fmt.Errorf("the lab's process ended: %v; its log is %s", err, supervisorLog(c))}
}

func supervisorLog(c lab.Config) string { return filepath.Join(c.Cache, "lab-"+c.Name+".log") }

// spawnSupervisor starts the lab's process, which belongs to no terminal, and returns what it tells.
func spawnSupervisor(c lab.Config) (*exec.Cmd, io.ReadCloser, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(c.Cache, 0o755); err != nil {
		return nil, nil, err
	}
	log, err := os.Create(supervisorLog(c))
	if err != nil {
		return nil, nil, err
	}
	defer log.Close()
	messages, tell, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer tell.Close()
	cmd := exec.Command(program, "lab", "supervise")
	config, tellConfig, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer config.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = config, log, log
	cmd.ExtraFiles = []*os.File{tell}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	err = json.NewEncoder(tellConfig).Encode(c)
	return cmd, messages, errors.Join(err, tellConfig.Close())
}

// labSupervise is the lab's process.
func (a *app) labSupervise() *cobra.Command {
	return &cobra.Command{
		Use:    "supervise",
		Short:  "Be the process of a lab (started by up)",
		Hidden: true,
		Args:   noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var c lab.Config
			if err := json.NewDecoder(os.Stdin).Decode(&c); err != nil {
				return fmt.Errorf("this command is started by \"holdfast lab up\": no configuration on standard input: %w", err)
			}
			return a.supervise(cmd.Context(), c, os.NewFile(labMessages, "messages"))
		},
	}
}

// supervise runs a lab, and tells on messages what it does until it is ready. Whoever listens there wants the lab: if
// he is gone before it is ready, it ends.
func (a *app) supervise(ctx context.Context, c lab.Config, messages io.WriteCloser) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	log := a.steps(a.out)
	tell := func(m labMessage) {
		if err := json.NewEncoder(messages).Encode(m); err != nil {
			cancel()
		}
	}
	told := newTeller(tell)
	say := func(format string, args ...any) {
		log(format, args...)
		told.tell(labMessage{Say: fmt.Sprintf(format, args...)})
	}
	err := lab.Supervise(ctx, c, say, func() {
		told.last(labMessage{Ready: true})
		messages.Close()
	})
	if err != nil && ctx.Err() == nil {
		told.last(labMessage{Error: err.Error()})
	}
	return err
}
