package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"holdfast/reports"
	"holdfast/reports/render"
)

func (a *app) reportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Put reports together",
		Args:  knownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.mergeCommand())
	return cmd
}

func (a *app) mergeCommand() *cobra.Command {
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "merge FOLDER…",
		Short: "Put the shards of a campaign together",
		Long: `Reads campaign.json from each folder and writes one campaign with the scripts of all failures. The
shards must have the same plan and version. If one is missing the result is inconclusive.`,
		Example: "  holdfast report merge out/shard-* --out out/campaign",
		Args:    someArguments("one folder or more"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.merge(args, out, asJSON) },
	}
	cmd.Flags().StringVar(&out, "out", "out/campaign", "folder for the merged report")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result on standard output")
	return cmd
}

// merge reads every shard before it writes anything.
func (a *app) merge(folders []string, out string, asJSON bool) error {
	var shards []*reports.Campaign
	scripts := map[string][]byte{} // by file
	for _, folder := range folders {
		if filepath.Clean(folder) == filepath.Clean(out) {
			return fmt.Errorf("--out %s is one of the shards; the merged report needs a folder of its own", out)
		}
		c, err := readCampaign(folder)
		if err != nil {
			return err
		}
		for i := range c.Failures {
			f := &c.Failures[i]
			text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(f.Script)))
			if err != nil {
				return fmt.Errorf("the script of seed %d in %s cannot be read: %w", f.Seed, folder, err)
			}
			scripts[f.Script] = text
			path := out + "/" + f.Script
			f.Replay = reports.Scenario{Path: path, Seed: f.Seed}.Replay()
			f.Reduce = reports.Scenario{Path: path, Seed: f.Seed}.Reduce()
		}
		shards = append(shards, c)
	}
	merged, err := reports.MergeCampaigns(shards)
	if err != nil {
		return err
	}
	folder, err := render.OpenFolder(out)
	if err != nil {
		return err
	}
	if err := clearFailures(folder); err != nil {
		return err
	}
	for _, f := range merged.Failures {
		path := folder.Path(filepath.FromSlash(f.Script))
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), render.WriteFile(path, scripts[f.Script]))
	}
	return a.finishCampaign(merged, folder, asJSON, err)
}
