package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"holdfast/faults/lex"
	"holdfast/reports"
	"holdfast/scenarios/library"
	"holdfast/scenarios/script"
)

// source is a scenario with where it comes from.
type source struct {
	Group  string
	Entry  string // name in the library, such as "ft/power-loss-captured"; empty for a file
	Path   string // as the user named the file; empty for a scenario of the library
	Text   string
	Script *script.Script
}

// readSource reads and parses the script at name.
func readSource(name string) (source, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return source{}, fmt.Errorf("scenario file %s cannot be read: %w", name, err)
	}
	parsed, err := script.Parse(name, string(text))
	if err != nil {
		return source{}, err
	}
	return source{Group: "files", Path: name, Text: string(text), Script: parsed}, nil
}

// find returns the scenario that argument names: a file if there is one of that name, else the one of the library
// whose own name (ft-power-loss) or library name (ft/power-loss) it is.
func (a *app) find(argument string) (source, error) {
	if _, err := os.Stat(argument); err == nil || strings.HasSuffix(argument, library.Extension) {
		return readSource(argument)
	}
	all, err := a.library()
	if err != nil {
		return source{}, &internalError{err}
	}
	var names []string
	for _, s := range all {
		if argument == s.Script.Name || argument == s.Entry {
			return s, nil
		}
		names = append(names, s.Script.Name, s.Entry)
	}
	hint := `"holdfast scenarios list" shows them`
	if near := lex.Nearest(argument, names); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	return source{}, fmt.Errorf("no scenario %q in the library and no such file; %s", argument, hint)
}

// choose returns the scenarios of the library that match one of the patterns, by name or by library name, in
// the order of a report. No pattern means all.
func (a *app) choose(patterns []string) ([]source, error) {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("--only %q is not a valid pattern: %w", p, err)
		}
	}
	all, err := a.library()
	if err != nil {
		return nil, &internalError{err}
	}
	chosen := slices.DeleteFunc(slices.Clone(all), func(s source) bool { return !s.matches(patterns) })
	if len(chosen) == 0 {
		return nil, fmt.Errorf(`no scenario matches --only %s; "holdfast scenarios list" shows all %d`, strings.Join(patterns, " "), len(all))
	}
	slices.SortStableFunc(chosen, func(a, b source) int {
		return cmp.Or(reports.CompareGroups(a.Group, b.Group), cmp.Compare(a.Script.Name, b.Script.Name))
	})
	return chosen, nil
}

// matches reports whether s is meant by one of the patterns, which are valid.
func (s source) matches(patterns []string) bool {
	for _, p := range patterns {
		name, _ := path.Match(p, s.Script.Name)
		full, _ := path.Match(p, s.Entry)
		if name || full {
			return true
		}
	}
	return len(patterns) == 0
}

// called returns the name that the user can find s by.
func (s source) called() string {
	if s.Path != "" {
		return s.Path
	}
	return s.Script.Name
}

// level returns the highest protection among the VMs of s.
func (s source) level() string {
	highest := script.Level(0)
	for i, vm := range s.Script.VMs {
		if i == 0 || vm.Level > highest {
			highest = vm.Level
		}
	}
	if len(s.Script.VMs) == 0 {
		return ""
	}
	return highest.String()
}
