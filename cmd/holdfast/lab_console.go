package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"holdfast/xen/lab"
)

// leave is the key that ends a console: Ctrl-], as in telnet and virsh.
const leave = 0x1d

func (a *app) labConsole(o *labOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "console HOST",
		Short: "Attach this terminal to a host's serial console; Ctrl-] leaves it",
		Args:  exactly(1, "a host"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := lab.NewClient(o.config).Status(cmd.Context())
			if err != nil {
				return err
			}
			for _, h := range s.Hosts {
				if h.Name == args[0] {
					return a.console(cmd.Context(), o.config, h.Name)
				}
			}
			return fmt.Errorf("the lab has no host %q", args[0])
		},
	}
}

// console joins the terminal and a host's console until either ends or the person leaves.
func (a *app) console(ctx context.Context, c lab.Config, host string) error {
	conn, err := c.Console(ctx, host)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		fmt.Fprintf(a.err, "console of host %s; Ctrl-] leaves it\n", host)
		before, err := term.MakeRaw(in)
		if err != nil {
			return err
		}
		defer term.Restore(in, before)
	}
	go func() {
		defer conn.Close() // ends the copying below
		key := make([]byte, 1)
		for {
			if _, err := os.Stdin.Read(key); err != nil || key[0] == leave {
				return
			}
			if _, err := conn.Write(key); err != nil {
				return
			}
		}
	}()
	_, err = io.Copy(a.out, conn)
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
