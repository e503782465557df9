package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say what this program is",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			t := thisTool()
			if asJSON {
				return printJSON(a.out, t)
			}
			_, err := fmt.Fprintf(a.out, "%s %s, engine format %d, %s, %s\n", t.Name, t.Version, t.EngineFormat, t.Go, t.Platform)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
