package check

import (
	"errors"
	"fmt"
	"io"

	"github.com/anishathalye/porcupine"

	"holdfast/reports/history"
)

// ErrNothingToRender is returned by Render for a history without the key.
var ErrNothingToRender = errors.New("no operation to render")

// Render writes a page of HTML, complete in itself, that shows one partition and
// how far an order could explain it. It is meant for Verdict.Deciding: 100,000
// operations make a page of 20 MB, so that only the failing partition is worth one.
// The notes of the history and the extra ones (fault periods) appear above the
// clients. The search is repeated within limits.Time.
func Render(w io.Writer, h *history.History, key int64, limits Limits, extra ...history.Note) error {
	limits, err := limits.withDefaults()
	if err != nil {
		return err
	}
	var ops []*history.Operation
	for _, part := range split(h) {
		if part.key == key {
			ops = part.ops
		}
	}
	if len(ops) == 0 {
		return fmt.Errorf("render key %s of %q: %w", h.KeyName(key), h.Object, ErrNothingToRender)
	}
	if culprit, ok := firstUnexplained(h, ops, searcher{modelFor(h), limits.Memory}, limits.Time); ok {
		ops = until(ops, culprit.Return)
	}
	model, _ := bounded(modelFor(h), limits.Memory/int64(len(ops)/8+stateOverhead))
	_, info := porcupine.CheckOperationsVerbose(model, operations(ops), limits.Time)
	info.AddAnnotations(annotations(h.Notes, lastEvent(ops)))
	info.AddAnnotations(annotations(extra, lastEvent(ops)))
	// The page replays the steps; the bounded model may have closed by now.
	if err := porcupine.Visualize(modelFor(h), info, w); err != nil {
		return fmt.Errorf("render key %s of %q: %w", h.KeyName(key), h.Object, err)
	}
	return nil
}

// annotations converts notes, cut off at the last event that is shown.
func annotations(notes []history.Note, last int64) []porcupine.Annotation {
	var out []porcupine.Annotation
	for _, n := range notes {
		if n.From > last {
			continue
		}
		out = append(out, porcupine.Annotation{
			Tag: "faults", Start: n.From, End: min(n.To, last+1), Description: n.Text,
			Details:         fmt.Sprintf("%s: events %d to %d", n.Text, n.From, n.To),
			BackgroundColor: "#fff0a0",
		})
	}
	return out
}
