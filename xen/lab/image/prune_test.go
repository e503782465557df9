package image

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPruneRemovesTheLongestUnused(t *testing.T) {
	dir := t.TempDir()
	ages := map[string]time.Duration{"a": 5 * time.Hour, "b": 4 * time.Hour, "c": 3 * time.Hour, "new": time.Minute, "newer": time.Second}
	for name, age := range ages {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Join(path, "below"), 0o755))
		require.NoError(t, os.Chtimes(path, time.Now().Add(-age), time.Now().Add(-age)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600))
	Touch(filepath.Join(dir, "a"))
	require.NoError(t, Prune(dir, 1))
	for name, want := range map[string]bool{"a": true, "b": false, "c": false, "new": true, "newer": true, "lock": true} {
		_, err := os.Stat(filepath.Join(dir, name))
		require.Equal(t, want, err == nil, name)
	}
	require.ErrorIs(t, Prune(filepath.Join(dir, "none"), 1), os.ErrNotExist)
}
