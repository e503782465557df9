package scenarios

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/scenarios/library"
)

var update = flag.Bool("update", false, "rewrite the recorded trace hashes")

// traceOf runs the i-th case: scenarios of the library in turn, each time with another seed.
func traceOf(t *testing.T, i int) string {
	t.Helper()
	names := library.List()
	name, seed := names[(i*7)%len(names)], uint64(1000+i)
	s, err := library.Get(name)
	require.NoError(t, err)
	r := attempt(s, seed)
	return fmt.Sprintf("%s %d %s %d", name, seed, r.TraceHash, r.Measures.Operations)
}

// TestSameSeedSameTrace runs hundreds of seeds twice in this process.
func TestSameSeedSameTrace(t *testing.T) {
	cases := 300
	if testing.Short() {
		cases = 60
	}
	for i := range cases {
		require.Equal(t, traceOf(t, i), traceOf(t, i))
	}
}

// TestSameSeedInAnotherProcess compares with a second process of the same binary.
func TestSameSeedInAnotherProcess(t *testing.T) {
	const cases = 40
	if os.Getenv("HOLDFAST_TRACES") != "" {
		for i := range cases {
			fmt.Println("trace", traceOf(t, i))
		}
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	other := exec.Command(self, "-test.run", "^TestSameSeedInAnotherProcess$")
	other.Env = append(os.Environ(), "HOLDFAST_TRACES=1")
	out, err := other.Output()
	require.NoError(t, err)
	i := 0
	for scan := bufio.NewScanner(strings.NewReader(string(out))); scan.Scan(); {
		if line, ok := strings.CutPrefix(scan.Text(), "trace "); ok {
			require.Equal(t, traceOf(t, i), line)
			i++
		}
	}
	require.Equal(t, cases, i)
}

// TestRecordedTraces compares with hashes that were recorded by another build. make test
// runs it with and without the race detector, so that both are compared with each other.
func TestRecordedTraces(t *testing.T) {
	const cases = 24
	path := filepath.Join("testdata", "traces.txt")
	var b strings.Builder
	for i := range cases {
		b.WriteString(traceOf(t, i) + "\n")
	}
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(),
		"the same seeds give other runs than recorded; if the change was meant to do that: go test ./scenarios -run RecordedTraces -update")
}
