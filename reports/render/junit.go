package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"holdfast/reports"
)

// The elements of JUnit XML that build servers agree on: testsuites > testsuite > properties, testcase >
// failure | error | skipped, system-out. Attribute order follows the schema of the Maven Surefire report.
type (
	xmlSuites struct {
		XMLName  xml.Name   `xml:"testsuites"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Errors   int        `xml:"errors,attr"`
		Time     string     `xml:"time,attr"`
		Suites   []xmlSuite `xml:"testsuite"`
	}
	xmlSuite struct {
		Name       string        `xml:"name,attr"`
		Tests      int           `xml:"tests,attr"`
		Failures   int           `xml:"failures,attr"`
		Errors     int           `xml:"errors,attr"`
		Skipped    int           `xml:"skipped,attr"`
		Time       string        `xml:"time,attr"`
		Timestamp  string        `xml:"timestamp,attr"`
		Hostname   string        `xml:"hostname,attr"`
		Properties []xmlProperty `xml:"properties>property"`
		Cases      []xmlCase     `xml:"testcase"`
	}
	xmlProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	xmlCase struct {
		Name      string      `xml:"name,attr"`
		Class     string      `xml:"classname,attr"`
		Time      string      `xml:"time,attr"`
		Failure   *xmlDefect  `xml:"failure"`
		Error     *xmlDefect  `xml:"error"`
		Skipped   *xmlSkipped `xml:"skipped"`
		SystemOut *xmlText    `xml:"system-out"`
	}
	xmlSkipped struct {
		Message string `xml:"message,attr"`
	}
	xmlDefect struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",cdata"`
	}
	xmlText struct {
		Text string `xml:",cdata"` // keeps its line breaks readable
	}
)

// JUnit writes run as JUnit XML: one testsuite per group, one testcase per scenario. A broken rule, a
// missing recovery and a missing proof are failures; a crash is an error. What could not run is skipped. Times are real
// seconds.
func JUnit(w io.Writer, run *reports.Run) error {
	out := xmlSuites{Name: "holdfast certify", Tests: len(run.Scenarios) + len(run.Skipped), Time: seconds(run.WallNS)}
	if run.Backend != "" {
		out.Name += " on the " + run.Backend
	}
	for _, g := range groups(run.Scenarios) {
		suite := xmlSuite{
			Name: g.Name, Tests: len(g.Scenarios), Timestamp: run.Started.UTC().Format("2006-01-02T15:04:05"),
			Hostname: hostname(run),
			Properties: []xmlProperty{
				{"holdfast.version", run.Tool.Version},
				{"holdfast.engine_format", strconv.Itoa(run.Tool.EngineFormat)},
				{"holdfast.seed", strconv.FormatUint(run.Seed, 10)},
			},
		}
		wall := int64(0)
		for _, s := range g.Scenarios {
			c := junitCase(s)
			wall += s.WallNS
			if c.Failure != nil {
				suite.Failures++
			}
			if c.Error != nil {
				suite.Errors++
			}
			suite.Cases = append(suite.Cases, c)
		}
		suite.skip(run.Skipped)
		suite.Time = seconds(wall)
		out.Failures += suite.Failures
		out.Errors += suite.Errors
		out.Suites = append(out.Suites, suite)
	}
	if others := onlySkipped(run); len(others) > 0 {
		suite := xmlSuite{
			Name: "not run", Time: seconds(0), Timestamp: run.Started.UTC().Format("2006-01-02T15:04:05"), Hostname: hostname(run),
			Properties: []xmlProperty{{"holdfast.version", run.Tool.Version}},
		}
		for _, s := range others {
			suite.add(s)
		}
		out.Suites = append(out.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// hostname says what the scenarios ran on.
func hostname(run *reports.Run) string {
	if run.Backend == "" {
		return "simulator"
	}
	return run.Backend
}

// skip adds what was skipped of the suite's group.
func (suite *xmlSuite) skip(list []reports.Skipped) {
	for _, s := range list {
		if s.Group == suite.Name {
			suite.add(s)
		}
	}
}

func (suite *xmlSuite) add(s reports.Skipped) {
	suite.Tests++
	suite.Skipped++
	suite.Cases = append(suite.Cases, xmlCase{
		Name: s.Name, Class: "holdfast." + s.Group, Time: seconds(0), Skipped: &xmlSkipped{clean(s.Reason)},
	})
}

// onlySkipped returns what was skipped of groups of which nothing ran.
func onlySkipped(run *reports.Run) (list []reports.Skipped) {
	for _, s := range run.Skipped {
		if !slices.ContainsFunc(run.Scenarios, func(ran reports.Scenario) bool { return ran.Group == s.Group }) {
			list = append(list, s)
		}
	}
	return list
}

func junitCase(s reports.Scenario) xmlCase {
	c := xmlCase{
		Name: s.Name, Class: "holdfast." + s.Group, Time: seconds(s.WallNS), SystemOut: &xmlText{clean(measuresText(s))},
	}
	if s.Outcome == reports.Pass {
		return c
	}
	d := &xmlDefect{Type: string(s.Outcome), Message: s.Name + " " + s.Outcome.Words()}
	if len(s.Failures) > 0 {
		d.Message = clean(s.Failures[0].Rule + ": " + s.Failures[0].Text)
	}
	var text strings.Builder
	for _, f := range s.Failures {
		fmt.Fprintf(&text, "%s at %s: %s\n", f.Rule, f.At, f.Text)
	}
	for _, v := range s.Verdicts {
		if v.Result != reports.Linearizable {
			fmt.Fprintf(&text, "history of %s (%s): %s. %s\n", v.Object, v.Model, v.Result, v.Message)
		}
	}
	fmt.Fprintf(&text, "replay: %s\n", s.Replay())
	d.Text = clean(text.String())
	if s.Outcome == reports.Crash {
		c.Error = d
	} else {
		c.Failure = d
	}
	return c
}

// measuresText lists what was measured, one "name: value" per line.
func measuresText(s reports.Scenario) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\npurpose: %s\n", s.Purpose)
	for _, row := range measureRows(s) {
		fmt.Fprintf(&b, "%s: %s\n", row.Name, row.Value)
	}
	for _, e := range s.Expectations {
		mark := "met"
		if !e.OK {
			mark = "NOT MET"
		}
		fmt.Fprintf(&b, "expectation %s: %s (%s)\n", mark, e.Text, e.Got)
	}
	return b.String()
}

// seconds prints nanoseconds as JUnit wants them: decimal seconds with three digits.
func seconds(ns int64) string {
	ms := (ns + 500_000) / 1_000_000
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}

// clean replaces what XML 1.0 cannot carry even when escaped, such as a NUL from a panic message.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return r
		case r < ' ', r == 0xFFFE, r == 0xFFFF, r == utf8.RuneError:
			return '?'
		}
		return r
	}, s)
}
