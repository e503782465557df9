package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
)

// readResult reads campaign.json of a folder.
func readResult(t *testing.T, folder string) *reports.Campaign {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "campaign.json"))
	require.NoError(t, err)
	c := new(reports.Campaign)
	require.NoError(t, json.Unmarshal(text, c))
	require.NoError(t, c.Validate())
	return c
}

// TestCampaign runs a small campaign through the program: figures, page, and the same figures in --json.
func TestCampaign(t *testing.T) {
	folder := t.TempDir()
	stdout, stderr, code := call(t, folder, "campaign", "--seeds", "8", "--run", "6s", "--out", "c", "--json")
	require.Equal(t, exitPass, code, stderr)
	c := readResult(t, filepath.Join(folder, "c"))
	printed := new(reports.Campaign)
	require.NoError(t, json.Unmarshal([]byte(stdout), printed))
	require.Equal(t, c, printed)
	require.Equal(t, 8, c.Done)
	require.Equal(t, 8, c.Passed())
	for _, k := range c.Canaries {
		require.True(t, k.Alive, k.Name)
	}
	page, err := os.ReadFile(filepath.Join(folder, "c", "index.html"))
	require.NoError(t, err)
	for _, part := range []string{"All 8 seeds passed", "never", "power-off", "output-leaks"} {
		require.Contains(t, string(page), part)
	}
	require.NotContains(t, string(page), "http://")
	require.NotContains(t, string(page), "<script")

	stdout, stderr, code = call(t, folder, "campaign", "--seeds", "3", "--run", "6s", "--out", "d", "--unbounded")
	require.Equal(t, exitPass, code, stderr)
	require.Contains(t, stdout, "PASS: 3 of 3 seeds passed")
	require.Contains(t, stdout, "3 of 3 canaries failed as they must")
}

// TestCampaignShow: the script of a seed is canonical and can be run by itself.
func TestCampaignShow(t *testing.T) {
	folder := t.TempDir()
	text, stderr, code := call(t, folder, "campaign", "show", "5", "--run", "6s")
	require.Equal(t, exitPass, code, stderr)
	again, _, _ := call(t, folder, "campaign", "show", "5", "--run", "6s")
	require.Equal(t, text, again)
	other, _, _ := call(t, folder, "campaign", "show", "5", "--run", "6s", "--unbounded")
	require.NotEqual(t, text, other)
	write(t, folder, "five.hfs", text)
	_, stderr, code = call(t, folder, "scenarios", "fmt", "--check", "five.hfs")
	require.Equal(t, exitPass, code, stderr)
}

// TestCampaignShards: shards, merged, are the whole; a missing one is noticed; a merged report is not taken for a shard.
func TestCampaignShards(t *testing.T) {
	folder := t.TempDir()
	base := []string{"campaign", "--seeds", "6", "--run", "6s", "--commit", "0123456789abcdef"}
	for _, i := range []string{"0", "1"} {
		_, stderr, code := call(t, folder, append(base, "--shard", i+"/2", "--out", "s"+i)...)
		require.Equal(t, exitPass, code, stderr)
	}
	_, stderr, code := call(t, folder, append(base, "--out", "whole")...)
	require.Equal(t, exitPass, code, stderr)
	_, stderr, code = call(t, folder, "report", "merge", "s0", "s1", "--out", "merged")
	require.Equal(t, exitPass, code, stderr)
	whole, merged := readResult(t, filepath.Join(folder, "whole")), readResult(t, filepath.Join(folder, "merged"))
	require.EqualValues(t, 0x0123456789, whole.Plan.First)
	require.Equal(t, whole.Plan, merged.Plan)
	require.Equal(t, whole.Marks, merged.Marks)
	require.Equal(t, whole.Kinds, merged.Kinds)
	require.Equal(t, whole.RTO, merged.RTO)
	require.Equal(t, whole.Operations, merged.Operations)
	require.FileExists(t, filepath.Join(folder, "merged", "index.html"))

	_, _, code = call(t, folder, "report", "merge", "s0", "--out", "half")
	require.Equal(t, exitInconclusive, code)
	for _, args := range [][]string{{"s0", "s0"}, {"s0", "whole"}, {"s0", "nowhere"}, {"s0", "s1", "--out", "s1"}} {
		_, stderr, code = call(t, folder, append([]string{"report", "merge"}, args...)...)
		require.Equal(t, exitUsage, code, "%v: %s", args, stderr)
	}
}

// TestCampaignResume: a campaign whose time was over goes on, and only with the same plan.
func TestCampaignResume(t *testing.T) {
	folder := t.TempDir()
	args := []string{"campaign", "--seeds", "5000", "--run", "6s", "--out", "c"}
	// more runs seeds until there are more than so many, with as much time as this computer needs for one.
	more := func(than int, flags ...string) int {
		for budget := 600 * time.Millisecond; budget < time.Minute; budget *= 2 {
			stdout, stderr, code := call(t, folder, slices.Concat(args, flags, []string{"--time", budget.String()})...)
			if code == exitInconclusive {
				continue // not one
			}
			require.Equal(t, exitPass, code, stderr)
			require.Contains(t, stdout, "the time of the campaign was over")
			if done := readResult(t, filepath.Join(folder, "c")).Done; done > than {
				return done
			}
		}
		require.Fail(t, "no seed in a minute")
		return 0
	}
	first := more(0)
	require.Less(t, first, 5000)
	more(first, "--resume")
	_, stderr, code := call(t, folder, append(args, "--resume", "--first", "2")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "another plan")
	write(t, folder, filepath.Join("c", "campaign.json"), "{")
	_, stderr, code = call(t, folder, append(args, "--resume")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "is not the result of a campaign")
}

// TestReduce: a plan in which both hosts are lost becomes the two lines that do it, and the result replays.
func TestReduce(t *testing.T) {
	folder := t.TempDir()
	pool := "scenario lost\npurpose \"Both hosts are lost.\"\nhost a\nhost b\nwitness w\nvm vm1 level ft service log on a\nclients vm1 count 3 rate 40/s keys 8\n"
	plan := ""
	for _, at := range []string{"1", "2", "3", "4", "6", "7", "9", "10", "11", "12", "13", "14"} {
		plan += "at " + at + "s duplicate links a <-> b 10% for 1s\nat " + at + ".5s slow-cpu w factor 4 for 300ms\nat " + at + ".7s jitter mgmt a <-> w 3ms for 100ms\n"
	}
	write(t, folder, "lost.hfs", pool+plan+"at 8s power-off a for 2s\nat 8.1s power-off b for 2s\nrun 20s\n")
	stdout, stderr, code := call(t, folder, "reduce", "lost.hfs", "--seed", "3", "--out", "small.hfs", "--json")
	require.Equal(t, exitPass, code, stderr)
	var got reduced
	require.NoError(t, json.Unmarshal([]byte(stdout), &got))
	require.Equal(t, "R3", got.Rule)
	require.Equal(t, 38, got.Before)
	require.LessOrEqual(t, got.After, 2)
	require.True(t, got.Finished)
	stdout, stderr, code = call(t, folder, "replay", "small.hfs", "--seed", "3")
	require.Equal(t, exitSafety, code, stderr)
	require.Contains(t, stdout, "lost its memory")
	first, err := os.ReadFile(filepath.Join(folder, "small.hfs"))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(first), "# reduced from lost: fails with R3 and seed "), string(first))
}

// TestCampaignBadInput: one clear error, and nothing is run or written.
func TestCampaignBadInput(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"campaign", "--seeds", "0"}, "--seeds 0"},
		{[]string{"campaign", "--jobs", "0"}, "--jobs 0"},
		{[]string{"campaign", "--run", "1s"}, "--run 1s"},
		{[]string{"campaign", "--time", "-1s"}, "--time -1s"},
		{[]string{"campaign", "--shard", "3/3"}, "--shard 3/3"},
		{[]string{"campaign", "--shard", "x"}, "--shard x"},
		{[]string{"campaign", "--commit", "abc"}, "--commit abc"},
		{[]string{"campaign", "--commit", "not-hexadecimal"}, "--commit not-hexadecimal"},
		{[]string{"campaign", "--first", "18446744073709551615"}, "--first"},
		{[]string{"campaign", "--first", "1", "--commit", "0123456789ab"}, "commit"},
		{[]string{"campaign", "shw"}, "show"},
		{[]string{"campaign", "show", "minus"}, `"minus"`},
		{[]string{"reduce", "ft-power-loss"}, "did you mean"},
		{[]string{"reduce", "ft-power-loss-captured"}, "does not fail"},
		{[]string{"reduce", "ft-power-loss-captured", "--time", "0s"}, "--time 0s"},
		{[]string{"reduce", "ft-power-loss-captured", "--jobs", "0"}, "--jobs 0"},
		{[]string{"reduce", "ft-power-loss-captured", "--out", "no/where.hfs"}, "no/where.hfs"},
		{[]string{"report", "merge"}, "one folder or more"},
		{[]string{"report", "merge", "nowhere"}, "nowhere"},
	} {
		folder := t.TempDir()
		stdout, stderr, code := call(t, folder, c.args...)
		require.Equal(t, exitUsage, code, "%v: %s", c.args, stderr)
		require.Empty(t, stdout)
		require.Contains(t, stderr, c.want)
		left, err := os.ReadDir(folder)
		require.NoError(t, err)
		require.Empty(t, left, "%v", c.args)
	}
}
