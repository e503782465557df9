package image

import (
	"debug/elf"
	"fmt"
	"path"
	"slices"
	"strings"

	"holdfast/xen/lab/image/cpio"
)

// modules are the loadable parts of one kernel, by name with - for _.
type modules struct {
	release string // of the kernel
	from    files
	places  map[string]string
}

// findModules looks for the modules that came with the kernel's package.
func findModules(from files) (*modules, error) {
	m := &modules{from: from, places: map[string]string{}}
	for place := range from {
		rest, ok := strings.CutPrefix(place, "usr/lib/modules/")
		if !ok || !strings.HasSuffix(place, ".ko") {
			continue
		}
		m.release, _, _ = strings.Cut(rest, "/")
		m.places[moduleName(strings.TrimSuffix(path.Base(place), ".ko"))] = place
	}
	if len(m.places) == 0 {
		return nil, fmt.Errorf("%w: the kernel's package has no modules", ErrPackage)
	}
	return m, nil
}

func moduleName(name string) string { return strings.ReplaceAll(name, "_", "-") }

// info returns the values of a field of a module's .modinfo section.
func (m *modules) info(name, field string) ([]string, error) {
	f, err := elf.Open(m.from[m.places[name]].source)
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", name, err)
	}
	defer f.Close()
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("module %s has no .modinfo section", name)
	}
	data, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", name, err)
	}
	return modinfo(data, field), nil
}

// modinfo returns the values of a field in the content of a .modinfo section: field=value, each ended by zero.
func modinfo(data []byte, field string) (values []string) {
	for _, line := range strings.Split(string(data), "\x00") {
		if value, ok := strings.CutPrefix(line, field+"="); ok && value != "" {
			values = append(values, value)
		}
	}
	return values
}

// depends returns the modules that one needs directly, as its build and its author declared it.
func (m *modules) depends(name string) ([]string, error) {
	hard, err := m.info(name, "depends")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, d := range strings.Split(strings.Join(hard, ","), ",") {
		if d != "" {
			out = append(out, moduleName(d))
		}
	}
	soft, err := m.info(name, "softdep")
	for _, line := range soft {
		if before, ok := strings.CutPrefix(line, "pre: "); ok {
			for _, d := range strings.Fields(before) {
				if m.places[moduleName(d)] != "" { // what is built in needs no module
					out = append(out, moduleName(d))
				}
			}
		}
	}
	return out, err
}

// order returns the modules and all that they depend on, each after what it depends on. Modules that the kernel has
// built in are left out of names by their owner: an unknown name is an error.
func (m *modules) order(names []string) ([]string, error) {
	var out []string
	var visit func(name string, depth int) error
	visit = func(name string, depth int) error {
		if slices.Contains(out, name) {
			return nil
		}
		if m.places[name] == "" {
			return fmt.Errorf("%w: kernel %s has no module %s", ErrPackage, m.release, name)
		}
		if depth > 32 {
			return fmt.Errorf("module %s depends on itself", name)
		}
		before, err := m.depends(name)
		if err != nil {
			return err
		}
		for _, d := range before {
			if err := visit(d, depth+1); err != nil {
				return err
			}
		}
		out = append(out, name)
		return nil
	}
	for _, name := range names {
		if err := visit(moduleName(name), 0); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// install puts a recipe's modules into a tree with the indexes that modprobe reads, and the lists of those to be loaded
// at boot and later.
func (m *modules) install(into *cpio.Tree, r recipe) error {
	boot, err := m.order(r.Loaded)
	if err != nil {
		return err
	}
	later, err := m.order(r.Later)
	if err != nil {
		return err
	}
	all, err := m.order(slices.Concat(r.Loaded, r.Modules, r.Later))
	if err != nil {
		return err
	}
	root := "usr/lib/modules/" + m.release
	var dep, alias strings.Builder
	for _, name := range all {
		place := m.places[name]
		content, err := cpio.FromPath(m.from[place].source)
		if err != nil {
			return err
		}
		if err := into.File(place, 0o644, content); err != nil {
			return err
		}
		if err := m.index(root, name, &dep, &alias); err != nil {
			return err
		}
	}
	for place, text := range map[string]string{
		"etc/holdfast/modules": m.list(boot), "etc/holdfast/modules-later": m.list(later), root + "/modules.dep": dep.String(), root + "/modules.alias": alias.String(),
	} {
		if err := into.File(place, 0o644, cpio.FromBytes([]byte(text))); err != nil {
			return err
		}
	}
	return nil
}

// list returns the files of modules, one on a line.
func (m *modules) list(names []string) string {
	var list strings.Builder
	for _, name := range names {
		fmt.Fprintln(&list, "/"+m.places[name])
	}
	return list.String()
}

// index adds a module's lines to modules.dep and modules.alias.
func (m *modules) index(root, name string, dep, alias *strings.Builder) error {
	order, err := m.order([]string{name})
	if err != nil {
		return err
	}
	rel := func(name string) string { return strings.TrimPrefix(m.places[name], root+"/") }
	fmt.Fprintf(dep, "%s:", rel(name))
	for _, d := range slices.Backward(order[:len(order)-1]) {
		fmt.Fprintf(dep, " %s", rel(d))
	}
	dep.WriteString("\n")
	names, err := m.info(name, "alias")
	for _, a := range names {
		fmt.Fprintf(alias, "alias %s %s\n", a, strings.ReplaceAll(name, "-", "_"))
	}
	return err
}
