package image

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ErrPackage is returned when a package cannot be resolved or fetched.
var ErrPackage = errors.New("a package of Debian is not to be had")

// ErrTool is returned when a program that the builder runs is missing.
var ErrTool = errors.New("program missing")

// Package is one file of Debian's archive.
type Package struct {
	// Name without version and architecture.
	Name string
	// Version as Debian writes it.
	Version string
	// File is its name in the cache.
	File string
	// Size in bytes.
	Size int64
	// SHA256 of the file, hexadecimal.
	SHA256 string
}

// apt runs apt-get with a state of its own, so that it needs no root and leaves the system's alone.
type apt struct {
	dir    string // everything that apt writes
	mirror string
	say    func(format string, args ...any)
}

// prepare makes the folders and files that apt-get wants to find.
func (a *apt) prepare() error {
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial", "etc"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(a.dir, "state/status"), nil, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.dir, "etc/sources.list"), []byte(suites(a.mirror)), 0o644)
}

func (a *apt) options() []string {
	return []string{
		"-o", "Dir::State=" + filepath.Join(a.dir, "state"),
		"-o", "Dir::State::status=" + filepath.Join(a.dir, "state/status"),
		"-o", "Dir::Cache=" + filepath.Join(a.dir, "cache"),
		"-o", "Dir::Cache::pkgcache=pkgcache.bin", "-o", "Dir::Cache::srcpkgcache=srcpkgcache.bin",
		"-o", "Dir::Etc::sourcelist=" + filepath.Join(a.dir, "etc/sources.list"),
		"-o", "Dir::Etc::sourceparts=-",
		"-o", "Dir::Etc::preferences=-", "-o", "Dir::Etc::preferencesparts=-",
		"-o", "APT::Architecture=amd64", "-o", "APT::Architectures=amd64",
		"-o", "APT::Install-Recommends=false", "-o", "APT::Sandbox::User=",
		"-o", "Acquire::Languages=none", "-o", "Acquire::Retries=3", "-o", "Debug::NoLocking=true",
		"-o", "Acquire::ForceHash=SHA256",
		"-o", "APT::Update::Error-Mode=any", // an index that does not come is an error, not a warning
	}
}

// run runs apt-get in a folder and returns what it printed. Its errors end up in the error.
func (a *apt) run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	program, err := exec.LookPath("apt-get")
	if err != nil {
		return nil, fmt.Errorf("%w: apt-get; the lab's images are made from Debian's packages: build on Debian or a relative", ErrTool)
	}
	cmd := exec.CommandContext(ctx, program, append(a.options(), args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if strings.Contains(errs.String(), "No space left on device") {
			return nil, fmt.Errorf("%w: apt-get: %s; %s", ErrSpace, reason(errs.String(), err), makeRoom)
		}
		return nil, fmt.Errorf("%w: apt-get: %s; next: look at the network and the mirror (--mirror), or read the index anew (--refresh)", ErrPackage, reason(errs.String(), err))
	}
	return out.Bytes(), nil
}

// maxReasons is the number of apt-get's errors that are told: it often says the same of every package.
const maxReasons = 2

// reason returns the errors of apt-get's output in one line.
func reason(text string, err error) string {
	var lines []string
	for line := range strings.Lines(text) {
		line, isError := strings.CutPrefix(strings.TrimSpace(line), "E:")
		if line = strings.TrimSpace(line); isError && !strings.HasPrefix(line, "Couldn't find any package") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return err.Error()
	}
	if more := len(lines) - maxReasons; more > 0 {
		return fmt.Sprintf("%s; and %d errors more", strings.Join(lines[:maxReasons], "; "), more)
	}
	return strings.Join(lines, "; ")
}

// resolve returns the packages of r and those they depend on, without the skipped ones, sorted by name.
func (a *apt) resolve(ctx context.Context, r recipe) ([]Package, error) {
	if err := a.prepare(); err != nil {
		return nil, err
	}
	a.say("reading the index of packages from %s", a.mirror)
	if _, err := a.run(ctx, a.dir, "-qq", "update"); err != nil {
		return nil, err
	}
	out, err := a.run(ctx, a.dir, append([]string{"-qq", "-y", "--print-uris", "install"}, r.Packages...)...)
	if err != nil {
		return nil, err
	}
	all, err := parseURIs(bytes.NewReader(out))
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p Package) bool { return matchAny(r.Skip, p.Name) })
	slices.SortFunc(all, func(x, y Package) int { return strings.Compare(x.Name, y.Name) })
	return all, nil
}

// parseURIs reads what apt-get --print-uris prints: 'uri' file size digest.
func parseURIs(r io.Reader) ([]Package, error) {
	var out []Package
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		p, ok := parseURI(lines.Text())
		if !ok {
			return nil, fmt.Errorf("%w: apt-get printed %q instead of an address, a file, a size and a SHA256", ErrPackage, lines.Text())
		}
		out = append(out, p)
	}
	return out, lines.Err()
}

func parseURI(line string) (p Package, ok bool) {
	f := strings.Fields(line)
	if len(f) != 4 || !strings.HasPrefix(f[0], "'") {
		return p, false
	}
	parts := strings.Split(f[1], "_") // name, version with a colon as %3a, architecture and .deb
	size, err := strconv.ParseInt(f[2], 10, 64)
	sum, isSHA := strings.CutPrefix(f[3], "SHA256:")
	if err != nil || size <= 0 || !isSHA || len(sum) != 64 || len(parts) != 3 || strings.ContainsRune(f[1], '/') {
		return p, false
	}
	version, err := url.PathUnescape(parts[1])
	return Package{Name: parts[0], Version: version, File: f[1], Size: size, SHA256: sum}, err == nil
}

// matchAny reports whether name is in the list, where a trailing * stands for any end.
func matchAny(list []string, name string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		prefix, any := strings.CutSuffix(p, "*")
		return p == name || any && strings.HasPrefix(name, prefix)
	})
}
