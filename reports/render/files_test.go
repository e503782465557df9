package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
)

// update rewrites the golden files: go test ./reports/render -args -update.
var update = flag.Bool("update", false, "rewrite the golden files")

// smallRun is two scenarios, one of them failing, with little enough in them to read a golden file.
func smallRun() *reports.Run {
	run := sampleRun(2, false)
	for i := range run.Scenarios {
		s := &run.Scenarios[i]
		s.Latency = []reports.Point{{At: second, LatencyNS: 3_000_000, OK: true}, {At: 4 * second, LatencyNS: 1_200_000_000}}
		s.Notices = s.Notices[:2]
	}
	s := &run.Scenarios[1]
	s.Outcome = reports.Safety
	s.Failures = []reports.Failure{{Rule: "R4", At: 4 * second, Text: "write 17 of db was acknowledged & is missing on <beta>"}}
	run.Totals = reports.Summarize(run.Scenarios)
	return run
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "go test ./reports/render -args -update accepts the new output")
}

func TestGoldenJUnit(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, JUnit(&b, smallRun()))
	golden(t, "junit.xml", b.Bytes())
}

func TestGoldenCertificate(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Certificate(&b, smallRun()))
	golden(t, "certificate.json", b.Bytes())
}

func TestGoldenTimeline(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, templates.ExecuteTemplate(&b, "timeline.svg", newTimeline(smallRun().Scenarios[1])))
	golden(t, "timeline.svg", b.Bytes())
}

// TestJUnitSchema checks what build servers rely on: counts that match, known elements, legal characters.
func TestJUnitSchema(t *testing.T) {
	run := sampleRun(20, true)
	run.Scenarios[3].Failures = append(run.Scenarios[3].Failures, reports.Failure{Rule: "crash", Text: "a NUL \x00 and an escape \x1b[31m and \xff"})
	var b bytes.Buffer
	require.NoError(t, JUnit(&b, run))
	var suites xmlSuites
	require.NoError(t, xml.Unmarshal(b.Bytes(), &suites))
	require.Equal(t, []int{20, 3, 1}, []int{suites.Tests, suites.Failures, suites.Errors})
	tests, names := 0, map[string]bool{}
	for _, suite := range suites.Suites {
		require.Len(t, suite.Cases, suite.Tests)
		require.False(t, names[suite.Name], "one testsuite per group")
		names[suite.Name] = true
		tests += suite.Tests
		for _, c := range suite.Cases {
			require.False(t, c.Failure != nil && c.Error != nil)
			if c.Failure != nil {
				require.Contains(t, c.Failure.Text, "replay: holdfast replay "+c.Name)
			}
		}
	}
	require.Equal(t, suites.Tests, tests)
}

// TestCertificateDigest: the digest changes with the results and with nothing else.
func TestCertificateDigest(t *testing.T) {
	base, err := Certify(smallRun())
	require.NoError(t, err)
	other := smallRun()
	other.Started, other.WallNS, other.Tool.Go = other.Started.Add(1e9), 1, "go9"
	other.Scenarios[0].WallNS, other.Scenarios[0].Verdicts[0].WallNS = 5, 6
	again, err := Certify(other)
	require.NoError(t, err)
	require.Equal(t, base.Digest, again.Digest, "circumstances are not results")
	for name, change := range map[string]func(*reports.Run){
		"trace":   func(r *reports.Run) { r.Scenarios[0].TraceHash = "x" },
		"script":  func(r *reports.Run) { r.Scenarios[0].Hash = "x" },
		"seed":    func(r *reports.Run) { r.Scenarios[0].Seed++ },
		"verdict": func(r *reports.Run) { r.Scenarios[0].Verdicts[0].Result = reports.Undecided },
		"measure": func(r *reports.Run) { r.Scenarios[0].Measures.Operations++ },
		"engine":  func(r *reports.Run) { r.Tool.EngineFormat++ },
	} {
		run := smallRun()
		change(run)
		c, err := Certify(run)
		require.NoError(t, err)
		require.NotEqual(t, base.Digest, c.Digest, name)
	}
}

func TestVerifyCertificate(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Certificate(&b, sampleRun(6, true)))
	c, err := VerifyCertificate(b.Bytes())
	require.NoError(t, err)
	require.Equal(t, reports.Safety, c.Outcome)
	_, err = VerifyCertificate(bytes.Replace(b.Bytes(), []byte(`"outcome": "liveness"`), []byte(`"outcome": "pass"`), 1))
	require.ErrorContains(t, err, "altered")
	_, err = VerifyCertificate([]byte("{"))
	require.ErrorContains(t, err, "not a certificate")
	_, err = VerifyCertificate([]byte(`{"format": 99}`))
	require.ErrorContains(t, err, "format 99")
}

// TestCertificateOfNothing: empty lists are lists, so that a reader needs no special case.
func TestCertificateOfNothing(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Certificate(&b, &reports.Run{Tool: sampleTool, Started: sampleStart, Totals: reports.Summarize(nil)}))
	require.True(t, json.Valid(b.Bytes()))
	require.Contains(t, b.String(), `"scenarios": []`)
}

func TestFolder(t *testing.T) {
	base := t.TempDir()
	folder, err := OpenFolder(filepath.Join(base, "a", "b"))
	require.NoError(t, err)
	require.NoError(t, folder.Write(smallRun()))
	first, err := os.ReadFile(folder.Path(PageFile))
	require.NoError(t, err)
	require.NoError(t, folder.Write(smallRun()), "an older report is replaced")
	second, err := os.ReadFile(folder.Path(PageFile))
	require.NoError(t, err)
	require.Equal(t, string(first), string(second))
	left, err := os.ReadDir(filepath.Join(base, "a", "b"))
	require.NoError(t, err)
	require.Len(t, left, 3, "no temporary file stays")
}

func TestFolderRefused(t *testing.T) {
	base := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(base, "file"), nil, 0o644))
	for _, path := range []string{filepath.Join(base, "file"), filepath.Join(base, "file", "below")} {
		_, err := OpenFolder(path)
		require.ErrorContains(t, err, "output folder "+path)
		require.ErrorContains(t, err, "--out")
		require.Equal(t, 0, strings.Count(err.Error(), "\n"))
	}
}

// TestWriteFileLeavesNothing: when the target cannot be replaced, no temporary file stays behind.
func TestWriteFileLeavesNothing(t *testing.T) {
	base := t.TempDir()
	target := filepath.Join(base, "target")
	require.NoError(t, os.MkdirAll(filepath.Join(target, "full"), 0o755))
	require.ErrorContains(t, WriteFile(target, []byte("x")), "write "+target)
	left, err := os.ReadDir(base)
	require.NoError(t, err)
	require.Len(t, left, 1)
}
