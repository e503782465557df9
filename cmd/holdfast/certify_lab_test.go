package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCertifyBackend(t *testing.T) {
	for want, f := range map[string]certifyFlags{
		"":                            {backend: "sim"},
		`--backend "xen"`:             {backend: "xen"},
		"only --backend lab":          {backend: "sim", driver: "remus"},
		"needs --driver: none, remus": {backend: "lab"},
	} {
		err := f.checkBackend()
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}

// What a driver cannot run is told with its reason, and nothing is started for it.
func TestSortForTheLab(t *testing.T) {
	all, err := libraryScripts()
	require.NoError(t, err)
	l := &labRunner{driver: "watcher"}
	run, skipped, err := l.sort(all)
	require.NoError(t, err)
	require.Len(t, all, len(run)+len(skipped))
	require.NotEmpty(t, run)
	for _, s := range skipped {
		require.NotEmpty(t, s.Reason)
		require.NotEmpty(t, s.Group)
	}
	_, _, err = (&labRunner{driver: "nobody"}).sort(all)
	require.ErrorContains(t, err, "no driver")
}
