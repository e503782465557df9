package scenarios

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
	"holdfast/scenarios/script"
)

// TestRegressions runs the scripts that once failed, each with the seed in its file's name.
func TestRegressions(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "regressions", "*.hfs"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		base := strings.TrimSuffix(filepath.Base(file), ".hfs")
		name, number, ok := strings.Cut(base, "-seed-")
		require.True(t, ok, "%s: a regression is called NAME-seed-N.hfs", file)
		t.Run(name, func(t *testing.T) {
			seed, err := strconv.ParseUint(number, 10, 64)
			require.NoError(t, err)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			s, err := script.Parse(file, string(text))
			require.NoError(t, err)
			require.Equal(t, name, s.Name)
			require.Equal(t, script.Format(s), string(text), "%s is not canonical", file)
			got := attempt(s, seed)
			require.Equal(t, reports.Pass, got.Outcome, "%v", got.Failures)
		})
	}
}
