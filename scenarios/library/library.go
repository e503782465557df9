package library

import (
	"embed"
	"fmt"
	"io/fs"
	"sort"
	"strings"

	"holdfast/faults/lex"
	"holdfast/scenarios/script"
)

//go:embed */*.hfs
var files embed.FS

// Extension ends the names of scenario files.
const Extension = ".hfs"

// List returns the names of all scenarios, such as "ft/power-loss-captured", in ascending order.
func List() []string {
	paths, err := fs.Glob(files, "*/*"+Extension)
	if err != nil {
		panic("library: the pattern of embedded files is wrong: " + err.Error())
	}
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = strings.TrimSuffix(p, Extension)
	}
	sort.Strings(names)
	return names
}

// Text returns the file of the named scenario as it is embedded. It fails if there is none of that
// name, and then names the nearest one.
func Text(name string) (string, error) {
	b, err := files.ReadFile(name + Extension)
	if err == nil {
		return string(b), nil
	}
	if near := lex.Nearest(name, List()); near != "" {
		return "", fmt.Errorf("no scenario %q in the library; did you mean %q?", name, near)
	}
	return "", fmt.Errorf("no scenario %q in the library of %d scenarios; names look like %q", name, len(List()), List()[0])
}

// Get returns the named scenario, parsed. Every call returns a new Script, which the caller may change.
func Get(name string) (*script.Script, error) {
	text, err := Text(name)
	if err != nil {
		return nil, err
	}
	return script.Parse(name+Extension, text)
}
