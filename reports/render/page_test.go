package render

import (
	"bytes"
	"encoding/xml"
	"flag"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/reports"
)

// out keeps a large sample for the eye: go test ./reports/render -run Size -out FOLDER.
var out = flag.String("out", "", "folder to write a sample report into")

func TestPageSize(t *testing.T) {
	run := sampleRun(48, true)
	var b bytes.Buffer
	require.NoError(t, Page(&b, run))
	require.Less(t, b.Len(), 3<<20, "48 scenarios must stay below 3 MiB")
	if *out != "" {
		folder, err := OpenFolder(*out)
		require.NoError(t, err)
		require.NoError(t, folder.Write(run))
	}
}

func TestPageIsSelfContained(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Page(&b, sampleRun(12, true)))
	text := b.String()
	require.Contains(t, text, "default-src 'none'")
	require.NotRegexp(t, regexp.MustCompile(`(?i)<script|<link[^>]+href="http|src="|@import|url\(http`), text)
	require.NotContains(t, text, "ZgotmplZ", "the template engine refused a value")
}

// TestPageIsWellFormed reads the page as XML in its lenient form, which finds tags that are not closed.
func TestPageIsWellFormed(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Page(&b, sampleRun(12, true)))
	d := xml.NewDecoder(&b)
	d.Strict, d.Entity = false, xml.HTMLEntity
	d.AutoClose = []string{"meta", "link", "br"}
	depth, ids := 0, map[string]bool{}
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		switch e := token.(type) {
		case xml.StartElement:
			depth++
			for _, a := range e.Attr {
				if a.Name.Local == "id" {
					require.False(t, ids[a.Value], "id %s is used twice", a.Value)
					ids[a.Value] = true
				}
			}
		case xml.EndElement:
			depth--
		}
	}
	require.Zero(t, depth)
}

func TestPageEscapes(t *testing.T) {
	run := sampleRun(1, false)
	s := &run.Scenarios[0]
	s.Name, s.Purpose, s.Script = `x"><script>alert(1)</script>`, "<b>bold</b>", "</pre><script>"
	s.Faults[0].Text = "</svg><script>"
	var b bytes.Buffer
	require.NoError(t, Page(&b, run))
	require.NotContains(t, b.String(), "<script")
	require.NotContains(t, b.String(), "<b>bold")
}

// TestPageOrder checks that the page opens with the conclusion, and that what failed comes with its command.
func TestPageOrder(t *testing.T) {
	var b bytes.Buffer
	run := sampleRun(12, true)
	require.NoError(t, Page(&b, run))
	text := b.String()
	last := 0
	for _, part := range []string{"A safety rule was broken.", "What went wrong", "holdfast replay ", "What was checked", "By protection level", `id="scenarios"`, "How to read this page"} {
		i := strings.Index(text, part)
		require.Greater(t, i, last, "%s comes after what precedes it", part)
		last = i
	}
	require.Equal(t, 4, strings.Count(text, `" open>`)-strings.Count(text, `class="inner" open>`))
}

func TestPageOfEmptyRun(t *testing.T) {
	run := &reports.Run{Tool: sampleTool, Started: sampleStart, Totals: reports.Summarize(nil)}
	var b bytes.Buffer
	require.NoError(t, Page(&b, run))
	require.Contains(t, b.String(), "No scenario ran.")
	require.NotContains(t, b.String(), "lost.</h1>")
}

func TestPageIsReproducible(t *testing.T) {
	var a, b bytes.Buffer
	require.NoError(t, Page(&a, sampleRun(9, true)))
	require.NoError(t, Page(&b, sampleRun(9, true)))
	require.Equal(t, a.String(), b.String())
}
