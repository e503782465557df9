package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"io"

	"holdfast/reports"
)

// CampaignFile is the name of the file with everything that a campaign counted.
const CampaignFile = "campaign.json"

// WriteCampaign writes campaign.json and the page of a campaign into the folder.
func (f *Folder) WriteCampaign(c *reports.Campaign) error {
	var page, text bytes.Buffer
	if err := CampaignPage(&page, c); err != nil {
		return fmt.Errorf("render %s: %w", PageFile, err)
	}
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	if err := enc.Encode(c); err != nil {
		return fmt.Errorf("render %s: %w", CampaignFile, err)
	}
	if err := WriteFile(f.Path(PageFile), page.Bytes()); err != nil {
		return err
	}
	return WriteFile(f.Path(CampaignFile), text.Bytes())
}

// campaignPage is what templates/campaign.html draws.
type campaignPage struct {
	Style    template.CSS
	C        *reports.Campaign
	Headline string
	Missed   []reports.MarkCount
	Charts   []bars
	Slow     string // where the time went
}

// CampaignPage writes a campaign as one self-contained HTML page.
func CampaignPage(w io.Writer, c *reports.Campaign) error {
	css, err := files.ReadFile("templates/page.css")
	if err != nil {
		return err
	}
	p := campaignPage{
		Style: template.CSS(css), C: c, Headline: campaignHeadline(c), Missed: c.UnreachedMarks(),
		Charts: []bars{
			newBars("Recovery time", "from the fault to the first answer afterwards, each failover", &c.RTO),
			newBars("Longest pause", "without any answer to a client of a VM, each seed", &c.Pause),
			newBars("Redundancy back", "from the last fault to full redundancy, each seed", &c.Convergence),
		},
	}
	if busy := c.SimulateNS + c.CheckNS; busy > 0 {
		p.Slow = fmt.Sprintf("%d%% simulating, %d%% proving histories", 100*c.SimulateNS/busy, 100*c.CheckNS/busy)
	}
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, "campaign.html", p); err != nil {
		return err
	}
	_, err = w.Write(out.Bytes())
	return err
}

// campaignHeadline concludes in one line.
func campaignHeadline(c *reports.Campaign) string {
	failed := c.Done - c.Passed()
	for _, k := range c.Canaries {
		if !k.Alive {
			return "Invalid: the checks of this program are dead"
		}
	}
	switch {
	case c.Done == 0:
		return "Nothing was run"
	case failed > 0:
		return fmt.Sprintf("%s of %s seeds did not pass", grouped(int64(failed)), grouped(int64(c.Done)))
	case c.Outcome != reports.Pass:
		return fmt.Sprintf("%s seeds passed, and the campaign is not complete", grouped(int64(c.Done)))
	}
	return fmt.Sprintf("All %s seeds passed", grouped(int64(c.Done)))
}

// bars is a histogram to be drawn.
type bars struct {
	Title, Text string
	H           *reports.Histogram
	Bars        []column
}

// column is one bar: height in hundredths of the highest.
type column struct {
	X, Y, Height int
	Title        string
	Label        string // below the axis; empty for most
}

// Sizes of a chart, in its own units.
const (
	barWidth    = 14
	chartHeight = 100
)

// newBars folds a histogram into one bar for each factor of two.
func newBars(title, text string, h *reports.Histogram) bars {
	b := bars{Title: title, Text: text, H: h}
	const fold = 8 // buckets for each factor of two
	var sums []int64
	for i, n := range h.Buckets {
		for len(sums) <= i/fold {
			sums = append(sums, 0)
		}
		sums[i/fold] += n
	}
	from := 0
	for from < len(sums) && sums[from] == 0 {
		from++
	}
	highest := int64(1)
	for _, n := range sums {
		highest = max(highest, n)
	}
	for i, n := range sums[from:] {
		height := int(n * chartHeight / highest)
		if n > 0 {
			height = max(height, 1)
		}
		upTo := h.Bound((from+i+1)*fold - 1)
		one := column{X: i * barWidth, Y: chartHeight - height, Height: height, Title: fmt.Sprintf("up to %s: %s", reports.FormatNS(upTo), grouped(n))}
		if i%3 == 0 {
			one.Label = reports.FormatNS(upTo)
		}
		b.Bars = append(b.Bars, one)
	}
	return b
}

// Width is the width of the chart.
func (b bars) Width() int { return max(len(b.Bars), 1)*barWidth + 40 }
