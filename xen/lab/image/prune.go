package image

import (
	"os"
	"path/filepath"
	"slices"
	"time"
)

// inUse is how long after its last use something in the cache is not removed: somebody may be about to use it.
const inUse = time.Hour

// Touch marks a folder of the cache as used now.
func Touch(dir string) {
	now := time.Now()
	_ = os.Chtimes(dir, now, now) // without it the folder only seems older
}

// Prune removes folders below dir, the longest unused first, until only keep are left. It spares those that were used
// within the last hour and whatever is no folder. Its caller holds the lock of the cache.
func Prune(dir string, keep int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	type folder struct {
		path string
		used time.Time
	}
	var all []folder
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() {
			all = append(all, folder{filepath.Join(dir, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b folder) int { return b.used.Compare(a.used) })
	for _, f := range all[min(keep, len(all)):] {
		if time.Since(f.used) < inUse {
			continue
		}
		if err := os.RemoveAll(f.path); err != nil {
			return err
		}
	}
	return nil
}
