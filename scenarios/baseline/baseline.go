// Package baseline holds the scenario scripts that show what today's ways to protect a VM do when something fails:
// for each of three faults, one script for a VM whose state is in memory (level ft) and one for a VM whose state is on
// a disk (level restart). Their clients ask as fast as they are answered, so that throughput can be compared. docs/baseline.md has what
// came of them.
package baseline

import (
	"embed"
	"io/fs"
	"sort"
	"strings"

	"holdfast/scenarios/script"
)

//go:embed *.hfs
var files embed.FS

// List returns the names of the scripts, such as "power-loss-ft", in ascending order.
func List() []string {
	paths, err := fs.Glob(files, "*.hfs")
	if err != nil {
		panic("baseline: the pattern of embedded files is wrong: " + err.Error())
	}
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = strings.TrimSuffix(p, ".hfs")
	}
	sort.Strings(names)
	return names
}

// Get returns a script, parsed. Every call returns a new one.
func Get(name string) (*script.Script, error) {
	text, err := files.ReadFile(name + ".hfs")
	if err != nil {
		return nil, err
	}
	return script.Parse("scenarios/baseline/"+name+".hfs", string(text))
}
