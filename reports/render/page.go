package render

import (
	"bytes"
	"embed"
	"html/template"
	"io"
	"strings"

	"holdfast/reports"
)

//go:embed templates
var files embed.FS

// page is what templates/page.html draws.
type page struct {
	Style   template.CSS
	Run     *reports.Run
	Verdict verdict
	Passed  int
	Broken  []reports.Scenario // those that did not pass, in order
	Groups  []group
	RTO     *stripChart // nil when nothing failed over
}

// scene is what templates/scenario.html draws.
type scene struct {
	reports.Scenario
	Failed   []reports.Failure
	MoreFail int
	Rows     []row
	Told     []reports.Mark
	MoreTold int
	Timeline *timeline // nil when nothing was recorded
	Source   string
}

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"ns":          reports.FormatNS,
	"at":          func(t reports.Time) string { return clock(t) },
	"grouped":     func(n any) string { return groupedAny(n) },
	"count":       func(n int, noun string) string { return count(int64(n), noun) },
	"glyph":       glyph,
	"words":       func(o reports.Outcome) string { return o.Words() },
	"anchor":      anchor,
	"levelWords":  levelWords,
	"short":       short,
	"scene":       newScene,
	"rto":         func(s reports.Scenario) reports.Distribution { return reports.Distribute(s.Measures.RTO) },
	"verdictWord": verdictWord,
	"next":        func(i int) int { return i + 1 },
	"below":       func(bottom, y px) px { return bottom - y },
	"above":       func(y px, by int64) px { return y - px(by) },
}).ParseFS(files, "templates/*.html", "templates/*.svg"))

// Page writes run as one self-contained HTML page.
func Page(w io.Writer, run *reports.Run) error {
	css, err := files.ReadFile("templates/page.css")
	if err != nil {
		return err
	}
	p := page{
		Style: template.CSS(css), Run: run, Verdict: conclude(run), Passed: run.Totals.Outcomes[reports.Pass], Groups: groups(run.Scenarios), RTO: newStripChart(run.Scenarios),
	}
	for _, s := range run.Scenarios {
		if s.Outcome != reports.Pass {
			p.Broken = append(p.Broken, s)
		}
	}
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, "page.html", p); err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}

func newScene(s reports.Scenario) scene {
	out := scene{Scenario: s, Rows: measureRows(s), Timeline: newTimeline(s), Source: s.Script}
	out.Failed, out.MoreFail = head(s.Failures, maxFailures)
	out.Told, out.MoreTold = head(s.Notices, maxNotices)
	if len(out.Source) > maxScript {
		out.Source = strings.ToValidUTF8(out.Source[:maxScript], "") + "\n… (cut for this page)"
	}
	return out
}

// short abbreviates a digest for a table; the whole is in the certificate.
func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}

func verdictWord(v reports.VerdictResult) string {
	switch v {
	case reports.Linearizable:
		return "✓ linearizable"
	case reports.Illegal:
		return "✕ not linearizable"
	}
	return "? not decided"
}

func groupedAny(n any) string {
	switch n := n.(type) {
	case int:
		return grouped(int64(n))
	case int64:
		return grouped(n)
	}
	return ""
}
