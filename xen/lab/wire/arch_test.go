package wire

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWireStandsAlone: the network of the lab knows the vocabulary of faults and nothing else of the project. What it would be
// wrong to know: the engine, because a network must not depend on the protocol that it tests; the simulator, because the two
// must be able to disagree.
func TestWireStandsAlone(t *testing.T) {
	for path, imports := range imported(t, ".", "frame", "link", "bridge") {
		for _, i := range imports {
			if strings.HasPrefix(i, "holdfast/") && i != "holdfast/faults" && !strings.HasPrefix(i, "holdfast/xen/lab/wire/") {
				t.Errorf("%s imports %s", path, i)
			}
		}
	}
}

// pure are the packages that may depend on nothing but what they are given, with what each may import.
var pure = map[string][]string{
	"frame":  {"bufio", "encoding/binary", "fmt", "io", "net"},
	"link":   {"fmt", "math/rand/v2", "strings", "time", "holdfast/xen/lab/wire/frame"},
	"bridge": {"bytes", "container/heap", "errors", "fmt", "hash/fnv", "time", "holdfast/xen/lab/wire/frame", "holdfast/xen/lab/wire/link"},
}

// TestDecisionsArePure: no clock, goroutine, lock or global randomness decides about a frame.
func TestDecisionsArePure(t *testing.T) {
	for dir, allowed := range pure {
		for path, imports := range imported(t, dir) {
			for _, i := range imports {
				require.Contains(t, allowed, i, "%s imports it", path)
			}
		}
		for path, f := range sources(t, dir) {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt, *ast.SelectStmt, *ast.ChanType:
					t.Errorf("%s: a goroutine or channel", path)
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					if ok && x.Name == "time" && !strings.Contains("Duration Second Millisecond Minute Hour", n.Sel.Name) ||
						ok && x.Name == "rand" && !strings.Contains("Rand New NewPCG", n.Sel.Name) {
						t.Errorf("%s: %s.%s", path, x.Name, n.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

func imported(t *testing.T, dirs ...string) map[string][]string {
	found := map[string][]string{}
	for _, dir := range dirs {
		for path, f := range sources(t, dir) {
			for _, spec := range f.Imports {
				name, err := strconv.Unquote(spec.Path.Value)
				require.NoError(t, err)
				found[path] = append(found[path], name)
			}
		}
	}
	require.NotEmpty(t, found)
	return found
}

func sources(t *testing.T, dir string) map[string]*ast.File {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	found := map[string]*ast.File{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		found[path] = f
	}
	return found
}
