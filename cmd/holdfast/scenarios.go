package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"holdfast/reports/render"
	"holdfast/scenarios/script"
)

func (a *app) scenariosCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scenarios",
		Short: "List, show and format scenario scripts",
		Args:  knownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.listCommand(), a.showCommand(), a.fmtCommand())
	return cmd
}

// listed is one scenario as list --json prints it.
type listed struct {
	Name    string `json:"name"`
	Group   string `json:"group"`
	Level   string `json:"level"`
	Purpose string `json:"purpose"`
	Hash    string `json:"hash"`
}

func (a *app) listCommand() *cobra.Command {
	var only []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the scenarios of the library with their purpose",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			chosen, err := a.choose(only)
			if err != nil {
				return err
			}
			if asJSON {
				list := make([]listed, 0, len(chosen))
				for _, s := range chosen {
					list = append(list, listed{s.Script.Name, s.Group, s.level(), s.Script.Purpose, script.Hash(s.Script)})
				}
				return printJSON(a.out, list)
			}
			table := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			for _, s := range chosen {
				fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", s.Group, s.Script.Name, s.level(), s.Script.Purpose)
			}
			return table.Flush()
		},
	}
	cmd.Flags().StringSliceVar(&only, "only", nil, "list only scenarios whose name matches `PATTERN`, such as 'ft/*' or '*-power-loss-*' (repeatable)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the list as JSON")
	return cmd
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE|NAME",
		Short: "Print the script of a scenario",
		Args:  exactly(1, "one scenario: a file or a name of the library"),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.find(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.out, s.Text)
			return err
		},
	}
}

func (a *app) fmtCommand() *cobra.Command {
	var write, verify bool
	cmd := &cobra.Command{
		Use:   "fmt FILE…",
		Short: "Print scenario scripts in their canonical form",
		Args:  someArguments("one script file or more"),
		RunE:  func(_ *cobra.Command, args []string) error { return a.format(args, write, verify) },
	}
	cmd.Flags().BoolVarP(&write, "write", "w", false, "rewrite the files in place instead of printing")
	cmd.Flags().BoolVar(&verify, "check", false, "only name the files that are not canonical; exit code 2 if there are any")
	cmd.MarkFlagsMutuallyExclusive("write", "check")
	return cmd
}

// format reads every file before it prints or rewrites the first.
func (a *app) format(names []string, write, verify bool) error {
	var sources []source
	for _, name := range names {
		s, err := readSource(name)
		if err != nil {
			return err
		}
		sources = append(sources, s)
	}
	var differ []string
	for _, s := range sources {
		text := script.Format(s.Script)
		switch {
		case verify && text != s.Text:
			differ = append(differ, s.Path)
		case verify, write && text == s.Text:
		case write:
			if err := render.WriteFile(s.Path, []byte(text)); err != nil {
				return err
			}
		default:
			fmt.Fprint(a.out, text)
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("not in canonical form: %s; \"holdfast scenarios fmt -w\" rewrites them", strings.Join(differ, ", "))
	}
	return nil
}
