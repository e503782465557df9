package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"holdfast/xen/lab"
	"holdfast/xen/lab/certify"
)

// firstGuest is the name of the guest of up and check.
const firstGuest = "first"

// guestFlags are those that describe a guest.
type guestFlags struct {
	kind, service string
	durable       bool
	disk          string
	flags         *pflag.FlagSet
	lab.Guest
}

func (g *guestFlags) add(cmd *cobra.Command) {
	g.flags = cmd.Flags()
	cmd.Flags().StringVar(&g.kind, "type", string(lab.PVH), "how the guest is virtualised: pvh, pv or hvm")
	cmd.Flags().StringVar(&g.service, "service", string(lab.Registers), "what the guest serves: registers, redis or postgres")
	cmd.Flags().BoolVar(&g.durable, "durable", false, "keep what clients write on a disk; redis and postgres always do, and --on says so too")
	cmd.Flags().StringVar(&g.disk, "on", "/dev/lab/data", "dom0's device with that disk")
	cmd.Flags().IntVar(&g.Memory, "guest-memory", 0, "memory of the guest in MiB (default 128, for postgres and hvm 256)")
	cmd.Flags().IntVar(&g.Number, "number", 0, "number of the guest, 0 to 99, from which its addresses follow: each guest of a lab needs its own; the one of up --guest has 0")
}

// guest returns what the flags describe.
func (g *guestFlags) guest(name string) (lab.Guest, error) {
	out := g.Guest
	out.Name, out.Kind, out.Service = name, lab.Kind(g.kind), lab.Service(g.service)
	if g.durable || g.flags.Changed("on") || out.Service != lab.Registers {
		out.Disk = g.disk
	}
	if out.Memory == 0 {
		out.Memory = lab.Memory(out.Kind, out.Service)
	}
	return out, out.Validate()
}

func (a *app) labGuest(o *labOptions) *cobra.Command {
	var g guestFlags
	cmd := &cobra.Command{
		Use:     "guest HOST NAME",
		Short:   "Create a guest that runs the lab's service",
		Example: "  holdfast lab guest a db --durable --number 1\n  holdfast lab guest b shop --service postgres --number 2\n  holdfast lab exec b /init client 10.77.8.101:7000 100\n  holdfast lab exec a xl destroy db",
		Args:    exactly(2, "a host and a name for the guest"),
		RunE: func(cmd *cobra.Command, args []string) error {
			guest, err := g.guest(args[1])
			if err != nil {
				return err
			}
			c := lab.NewClient(o.config)
			if err := c.Provide(cmd.Context(), guest, a.steps(a.out)); err != nil {
				return err
			}
			if err := lab.StartGuest(cmd.Context(), c.Agent(cmd.Context(), args[0]), guest); err != nil {
				return err
			}
			fmt.Fprintf(a.out, "guest %s boots on host %s; it will serve at %s on the network lan\n", guest.Name, args[0], guest.Address())
			return nil
		},
	}
	g.add(cmd)
	return cmd
}

func (a *app) labCheck(o *labOptions) *cobra.Command {
	var g guestFlags
	var operations int
	var faults bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Start a guest on a host, serve a client, and check that dom0 computes right meanwhile",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			guest, err := g.guest(firstGuest)
			if err != nil {
				return err
			}
			c := lab.NewClient(o.config)
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			if !s.Ready {
				return fmt.Errorf("not all hosts of the lab are up; \"holdfast lab status\" shows them")
			}
			if faults {
				return a.checkFaults(cmd.Context(), c, s, guest)
			}
			first := s.Hosts[0].Name
			say := a.steps(a.out)
			if err := c.Provide(cmd.Context(), guest, say); err != nil {
				return err
			}
			r, err := lab.Check(cmd.Context(), c.Agent(cmd.Context(), first), c.Dial, guest, operations, say)
			if err != nil {
				return err
			}
			if r.Created > 0 {
				say("%s guest with %s on host %s: created in %v", guest.Kind, guest.Service, first, r.Created.Round(100*time.Millisecond))
			}
			say("the guest answered after %v", r.Served.Round(100*time.Millisecond))
			say("client outside of the hosts: %d operations, all answers right, mean %.1f ms, longest %.1f ms", r.Operations, r.MeanMS, r.LongestMS)
			say("dom0 of host %s meanwhile: %d computations, all right", first, r.Rounds)
			return nil
		},
	}
	g.add(cmd)
	cmd.Flags().IntVar(&operations, "operations", 100, "operations of the client")
	cmd.Flags().BoolVar(&faults, "faults", false, "instead, do every kind of fault and look from inside whether it does what it says; host b loses its power and the data on its disks")
	return cmd
}

// checkFaults does every kind of fault to the lab, which needs its guest for that, and prints what was seen.
func (a *app) checkFaults(ctx context.Context, c *lab.Client, s lab.Status, guest lab.Guest) error {
	if len(s.Hosts) < 2 {
		return fmt.Errorf("the lab has one host; faults between hosts need two")
	}
	pool := certify.Pool{Lab: certify.OfClient(c), Guest: guest}
	domains, err := pool.Domains(ctx, s.Hosts[0].Name)
	if err != nil {
		return err
	}
	if len(domains) == 0 {
		return fmt.Errorf("host %s has no guest %s, which this needs; \"holdfast lab down\", then \"lab up --guest\", starts a lab with it", s.Hosts[0].Name, guest.Name)
	}
	say := a.steps(a.out)
	return certify.CheckFaults(ctx, pool.Lab, guest, func(seen certify.Seen) {
		mark := "ok   "
		if !seen.OK {
			mark = "WRONG"
		}
		say("%s  %s, seen from %s: %s", mark, seen.Fault, seen.From, seen.Saw)
	})
}
