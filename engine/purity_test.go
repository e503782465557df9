package engine_test

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allowed are the packages that the engine may import, each with the reason why it cannot
// bring in anything that makes two runs of the same events differ. Everything else is refused.
var allowed = map[string]string{
	"bytes":           "pure",
	"cmp":             "pure comparison",
	"encoding/binary": "pure encoding",
	"errors":          "values",
	"fmt":             "text for errors and notices; printing is refused below",
	"math":            "limits of integers; floating point is refused below",
	"math/bits":       "pure arithmetic",
	"slices":          "pure; its Sort is refused below",
	"strconv":         "pure conversion",
	"time":            "time.Duration and its constants; the clock is refused below",

	"google.golang.org/protobuf/encoding/protowire": "pure encoding of the pool's commands and snapshots",
	"google.golang.org/protobuf/proto":              "decodes raft's messages; the engine encodes deterministically",
	"go.etcd.io/raft/v3":                            "the control log; engine/control says why its randomness has no effect",
	"go.etcd.io/raft/v3/raftpb":                     "raft's messages",
	"go.etcd.io/raft/v3/tracker":                    "raft's view of its followers, read only",
}

// refused says for packages that somebody could want why they are not allowed.
var refused = map[string]string{
	"os":                 "the world: runners act, the engine decides",
	"net":                "the world: messages are effects",
	"io":                 "the world",
	"sync":               "one event at a time: nothing to lock, and sync.Pool depends on the garbage collector",
	"sync/atomic":        "one event at a time",
	"math/rand":          "chance: seeds come with the configuration",
	"math/rand/v2":       "chance: seeds come with the configuration",
	"crypto/rand":        "chance",
	"hash/maphash":       "its seed differs from process to process",
	"reflect":            "iterates over maps in any order",
	"unsafe":             "addresses differ from run to run",
	"runtime":            "goroutines, memory and processors differ from run to run",
	"log":                "the world: people are told by notices (R10)",
	"context":            "carries deadlines of the wall clock",
	"maps":               "iterates in any order",
	"sort":               "sort.Slice is not stable; use slices.SortStableFunc, or insert in order",
	"testing":            "belongs to tests",
	"holdfast/sim":       "arrows point downwards: the simulator runs the engine",
	"holdfast/xen":       "arrows point downwards: the backend runs the engine",
	"holdfast/faults":    "the engine must not know what is done to it",
	"holdfast/scenarios": "arrows point downwards",
	"holdfast/reports":   "arrows point downwards",
	"holdfast/cmd":       "arrows point downwards",
	"encoding/json":      "iterates over maps by reflection; formats are explicit",
	"container/heap":     "ties come out in any order",
}

// forbidden are members of allowed packages that must not be used, with the reason.
var forbidden = map[string]map[string]string{
	"time": forAll("the clock: time comes with each event",
		"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"),
	"fmt": forAll("standard output: people are told by notices (R10)",
		"Print", "Printf", "Println", "Fprint", "Fprintf", "Fprintln", "Scan", "Scanf", "Scanln"),
	"slices": forAll("not stable: equal keys come out in any order; use SortStableFunc", "Sort", "SortFunc"),
}

func forAll(reason string, names ...string) map[string]string {
	m := map[string]string{}
	for _, name := range names {
		m[name] = reason
	}
	return m
}

const floating = "floating point: fused multiply-add differs between processors"

// forTests are the folders below engine that only tests import.
var forTests = []string{"internal"}

// A pureCheck looks for what makes a package impure.
type pureCheck struct {
	files *token.FileSet
	info  *types.Info
	found []string
}

func (c *pureCheck) add(n ast.Node, format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf("%v: %s", c.files.Position(n.Pos()), fmt.Sprintf(format, args...)))
}

func (c *pureCheck) file(f *ast.File) {
	names := map[string]string{} // local name of each import
	for _, spec := range f.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		c.imported(spec, path)
		name := path[strings.LastIndex(path, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			c.add(spec, "imports %s into its own scope, which hides what it uses", path)
		}
		names[name] = path
	}
	ast.Inspect(f, func(n ast.Node) bool { c.node(n, names); return true })
}

func (c *pureCheck) imported(spec *ast.ImportSpec, path string) {
	if allowed[path] != "" || path == "holdfast/engine" || strings.HasPrefix(path, "holdfast/engine/") && !strings.Contains(path, "/internal/") {
		return
	}
	for p := path; p != "."; p = filepath.Dir(p) {
		if reason := refused[p]; reason != "" {
			c.add(spec, "imports %s: %s", path, reason)
			return
		}
	}
	c.add(spec, "imports %s, which is not in the list of what the engine may import", path)
}

func (c *pureCheck) node(n ast.Node, names map[string]string) {
	switch n := n.(type) {
	case *ast.GoStmt:
		c.add(n, "starts a goroutine: the order of goroutines differs from run to run")
	case *ast.SelectStmt:
		c.add(n, "select picks by chance")
	case *ast.ChanType, *ast.SendStmt:
		c.add(n, "a channel: one event at a time, nothing to wait for")
	case *ast.RangeStmt:
		if t := c.info.TypeOf(n.X); t != nil {
			switch t.Underlying().(type) {
			case *types.Map:
				c.add(n, "ranges over a map: any order")
			case *types.Chan:
				c.add(n, "ranges over a channel")
			}
		}
	case *ast.SelectorExpr:
		if id, ok := n.X.(*ast.Ident); ok {
			if reason := forbidden[names[id.Name]][n.Sel.Name]; reason != "" {
				c.add(n, "%s.%s: %s", id.Name, n.Sel.Name, reason)
			}
			if names[id.Name] == "math" && !strings.HasPrefix(n.Sel.Name, "Max") && !strings.HasPrefix(n.Sel.Name, "Min") {
				c.add(n, "math.%s: %s", n.Sel.Name, floating)
			}
		}
	case *ast.CallExpr:
		if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "print" || id.Name == "println") {
			c.add(n, "%s: standard error", id.Name)
		}
	case *ast.Ident:
		if n.Name == "float64" || n.Name == "float32" {
			c.add(n, "%s: %s", n.Name, floating)
		}
	case *ast.BasicLit:
		if n.Kind == token.STRING && strings.Contains(n.Value, "%p") {
			c.add(n, "%%p: addresses differ from run to run")
		}
	}
}

// impurities returns what makes the files of one package impure.
func impurities(fset *token.FileSet, files []*ast.File, from types.Importer) []string {
	c := &pureCheck{files: fset, info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}}
	conf := types.Config{Importer: from, Error: func(error) {}}
	_, _ = conf.Check("p", fset, files, c.info) // the compiler reports errors
	for _, f := range files {
		c.file(f)
	}
	return c.found
}

// compiled returns an importer of what the engine's packages import, as the go command compiled it.
func compiled(t *testing.T, fset *token.FileSet) types.Importer {
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./...").Output()
	require.NoError(t, err)
	files := map[string]string{}
	for _, line := range strings.Split(string(out), "\n") {
		path, file, _ := strings.Cut(line, " ")
		files[path] = file
	}
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
}

// packages returns the non-test files of every package at and below root, by folder.
func packages(t *testing.T, fset *token.FileSet, root string) map[string][]*ast.File {
	found := map[string][]*ast.File{}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "testdata" || strings.HasPrefix(name, ".") && len(name) > 2):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		found[filepath.Dir(path)] = append(found[filepath.Dir(path)], f)
		return err
	}))
	return found
}

func TestEngineIsPure(t *testing.T) {
	fset := token.NewFileSet()
	from := compiled(t, fset)
	for dir, files := range packages(t, fset, ".") {
		if slices.Contains(forTests, strings.Split(dir, string(filepath.Separator))[0]) {
			continue
		}
		// One build at a time: files with the opposite build tag define the same names.
		files = slices.DeleteFunc(files, func(f *ast.File) bool { return strings.HasSuffix(fset.Position(f.Pos()).Filename, "on.go") })
		for _, what := range impurities(fset, files, from) {
			t.Error(what)
		}
	}
}

func TestImpurityIsFound(t *testing.T) {
	for snippet, want := range map[string]string{
		`import "os"`:                                                         "imports os: the world",
		`import "net/http"`:                                                   "imports net/http: the world",
		`import "math/rand/v2"`:                                               "imports math/rand/v2: chance",
		`import "holdfast/sim/disk"`:                                          "arrows point downwards",
		`import "holdfast/engine/internal/golden"`:                            "not in the list",
		`import "example.com/anything"`:                                       "not in the list",
		`import . "time"`:                                                     "hides what it uses",
		`import "time"; var _ = time.Now`:                                     "time.Now: the clock",
		`import clock "time"; func _() { clock.Sleep(1) }`:                    "clock.Sleep: the clock",
		`import "fmt"; func _() { fmt.Println() }`:                            "standard output",
		`import "slices"; func _(s []int) { slices.Sort(s) }`:                 "not stable",
		`import "sort"; func _() { sort.Slice(nil, nil) }`:                    "not stable",
		`func _() { go func() {}() }`:                                         "goroutine",
		`func _() { select {} }`:                                              "select picks by chance",
		`var _ chan int`:                                                      "a channel",
		`func _(m map[int]int) { for range m {} }`:                            "ranges over a map",
		`type set map[int]bool; func _(s set) { for k := range s { _ = k } }`: "ranges over a map",
		`import "math"; var _ = math.Sqrt(2)`:                                 "floating point",
		`var _ float64`:                                                       "floating point",
		`func _() { println() }`:                                              "standard error",
		`const _ = "%p"`:                                                      "addresses",
	} {
		t.Run(snippet, func(t *testing.T) {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, "bad.go", "package p; "+snippet, 0)
			require.NoError(t, err)
			found := impurities(fset, []*ast.File{f}, nil)
			require.Contains(t, strings.Join(found, "\n"), want)
		})
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "good.go", `package p; import "time"; func _(s []time.Duration) { for range s {} }`, 0)
	require.NoError(t, err)
	require.Empty(t, impurities(fset, []*ast.File{f}, nil))
}

func TestEveryPackageHasAComment(t *testing.T) {
	fset := token.NewFileSet()
	for dir, files := range packages(t, fset, "..") {
		documented := slices.ContainsFunc(files, func(f *ast.File) bool {
			return f.Doc != nil && (f.Name.Name == "main" || strings.HasPrefix(f.Doc.Text(), "Package "+f.Name.Name+" "))
		})
		require.True(t, documented, "the package in %s has no comment that begins with \"Package …\"", dir)
	}
}
