package engine

import "holdfast/engine/model"

// ProposeRaw lets a test put something into the control log that no command encodes.
func (n *Node) ProposeRaw(now model.Time, data []byte) ([]model.Effect, error) {
	n.out.Reset()
	err := n.log.Propose(data)
	n.logBusy = true
	return append(n.out.List, n.Step(now, &model.Event{Kind: model.EventWake})...), err
}
