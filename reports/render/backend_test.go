package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
)

// labRun is smallRun as if it had run on real hosts, with something that could not.
func labRun() *reports.Run {
	run := smallRun()
	run.Backend = "lab with driver remus"
	run.Skipped = []reports.Skipped{
		{Name: "also-here", Group: run.Scenarios[0].Group, Reason: "line 3: <stage>"}, {Name: "elsewhere", Group: "clock", Reason: "no clocks"},
	}
	for i := range run.Scenarios {
		s := &run.Scenarios[i]
		s.Slowness, s.Again, s.TraceHash = 12.5, s.OnLab("--driver remus"), ""
	}
	return run
}

func TestPageOfHosts(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Page(&b, labRun()))
	page := b.String()
	for _, text := range []string{
		"lab with driver remus", "2 scenarios cannot run there", "clock/elsewhere: no clocks", "line 3: &lt;stage&gt;", "12.5s",
		"certify --backend lab --driver remus --only ", "on the clocks of the scripts",
	} {
		require.True(t, strings.Contains(page, text), text)
	}
	for _, text := range []string{"simulated", "do not rely on this build", "holdfast replay"} {
		require.False(t, strings.Contains(page, text), text)
	}
}

func TestJUnitOfHosts(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, JUnit(&b, labRun()))
	var suites xmlSuites
	require.NoError(t, xml.Unmarshal(b.Bytes(), &suites))
	require.Equal(t, 4, suites.Tests)
	reasons := map[string]string{}
	skipped := 0
	for _, suite := range suites.Suites {
		require.Equal(t, "lab with driver remus", suite.Hostname)
		require.Len(t, suite.Cases, suite.Tests)
		skipped += suite.Skipped
		for _, c := range suite.Cases {
			if c.Skipped != nil {
				reasons[c.Class+"."+c.Name] = c.Skipped.Message
			}
		}
	}
	require.Equal(t, 2, skipped)
	require.Equal(t, map[string]string{"holdfast." + labRun().Scenarios[0].Group + ".also-here": "line 3: <stage>", "holdfast.clock.elsewhere": "no clocks"}, reasons)
}

func TestCertificateOfHosts(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Certificate(&b, labRun()))
	c, err := VerifyCertificate(b.Bytes())
	require.NoError(t, err)
	require.Equal(t, "lab with driver remus", c.Results.Backend)
	require.Len(t, c.Results.Skipped, 2)
	require.Equal(t, 12.5, c.Results.Scenarios[0].Slowness)
	var simulated bytes.Buffer
	require.NoError(t, Certificate(&simulated, smallRun()))
	require.NotContains(t, simulated.String(), "backend")
	require.True(t, json.Valid(simulated.Bytes()))
}
