// Package golden runs golden traces: a file is a list of commands, each followed by
// what it made the machine under test do. Only tests import it.
//
//	# a comment
//	command argument argument
//	    one line for each effect
//
// With the flag -update the lines for the effects are written anew, and commands,
// comments and empty lines stay as they are.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the effects in the golden traces of testdata")

// indent marks the lines that Run writes.
const indent = "    "

// Run plays every file testdata/*.txt of the package under test. start is called
// for each one and returns what performs a command and reports its effects.
func Run(t *testing.T, start func(t *testing.T) func(command []string) []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files, "no golden traces in testdata")
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			got := play(string(text), start(t))
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
				return
			}
			require.Equal(t, string(text), got, "if the change is meant: go test -update, and read the difference")
		})
	}
}

// play returns text with the effects that its commands have now.
func play(text string, do func([]string) []string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if strings.HasPrefix(line, indent) {
			continue
		}
		b.WriteString(line + "\n")
		if command := strings.Fields(line); len(command) > 0 && command[0] != "#" {
			for _, effect := range do(command) {
				b.WriteString(indent + effect + "\n")
			}
		}
	}
	return b.String()
}

// Args are the arguments of a command, of the form name=value or a bare word.
type Args []string

// Value returns the value given for name, or "".
func (a Args) Value(name string) string {
	for _, arg := range a {
		if value, ok := strings.CutPrefix(arg, name+"="); ok {
			return value
		}
	}
	return ""
}

// Has reports whether word is among the arguments.
func (a Args) Has(word string) bool {
	for _, arg := range a {
		if arg == word {
			return true
		}
	}
	return false
}
