package golden

import (
	"fmt"
	"strings"

	"holdfast/engine/model"
)

// Effect returns e as one line: its kind and the fields that are set.
func Effect(e *model.Effect) string {
	var b strings.Builder
	switch e.Kind {
	case model.EffectSend:
		return fmt.Sprintf("send to %d: %s", e.Message.To, Message(&e.Message))
	case model.EffectNotify:
		return Notice(&e.Notice)
	}
	b.WriteString(e.Kind.String())
	field(&b, "gen", uint64(e.Gen))
	field(&b, "epoch", uint64(e.Epoch))
	field(&b, "session", e.Session)
	field(&b, "seq", untokened(uint64(e.Seq)))
	field(&b, "node", uint64(e.Node))
	number(&b, e.ID)
	operation(&b, &e.IO)
	whole := e.Kind == model.EffectRecoveryStore && e.Flags.Has(model.FlagFull)
	if e.Kind == model.EffectExtentRead || e.Kind == model.EffectExtentWrite || e.Kind == model.EffectShipRead || whole {
		fmt.Fprintf(&b, " extent=%d", e.Count)
	}
	if e.Data != nil {
		b.WriteString(" " + Extents(e.Data))
	}
	flags(&b, e.Flags)
	return b.String()
}

// Message returns m as one line, without sender and receiver.
func Message(m *model.Message) string {
	var b strings.Builder
	b.WriteString(m.Kind.String())
	field(&b, "gen", uint64(m.Gen))
	field(&b, "epoch", uint64(m.Epoch))
	field(&b, "session", m.Session)
	field(&b, "seq", uint64(m.Seq))
	number(&b, m.ID)
	operation(&b, &m.IO)
	switch m.Kind {
	case model.MsgCheckpoint:
		field(&b, "pages", uint64(m.Count))
	case model.MsgCopy, model.MsgCopied, model.MsgShipExtent:
		fmt.Fprintf(&b, " extent=%d", m.Count)
	}
	if m.Data != nil && m.Kind != model.MsgControl {
		b.WriteString(" " + Extents(m.Data))
	}
	flags(&b, m.Flags)
	return b.String()
}

// Notice returns n as one line.
func Notice(n *model.Notice) string {
	var b strings.Builder
	b.WriteString("notify " + n.Kind.String())
	field(&b, "vm", uint64(n.VM))
	field(&b, "node", uint64(n.Node))
	field(&b, "gen", uint64(n.Gen))
	field(&b, "epoch", uint64(n.Epoch))
	if n.Detail != "" {
		b.WriteString(": " + n.Detail)
	}
	return b.String()
}

// Extents returns the set encoded in data.
func Extents(data []byte) string {
	b, ok := model.ParseBitmap(data, 8*len(data))
	if !ok {
		return "not a bitmap"
	}
	list := make([]string, 0, b.Len())
	for x, ok := b.Next(0); ok; x, ok = b.Next(x + 1) {
		list = append(list, fmt.Sprint(x))
	}
	return "{" + strings.Join(list, " ") + "}"
}

func field(b *strings.Builder, name string, value uint64) {
	if value != 0 {
		fmt.Fprintf(b, " %s=%d", name, value)
	}
}

// number writes an operation's id without the token of the machine that made it.
func number(b *strings.Builder, id uint64) {
	if id = untokened(id); id != 0 {
		fmt.Fprintf(b, " #%d", id)
	}
}

func untokened(id uint64) uint64 { return id & (1<<40 - 1) }

func operation(b *strings.Builder, io *model.IO) {
	switch io.Op {
	case model.OpRead:
		fmt.Fprintf(b, " read %d+%d", io.Sector, io.Count)
	case model.OpWrite:
		fmt.Fprintf(b, " write %d+%d", io.Sector, io.Count)
	case model.OpFlush:
		b.WriteString(" flush")
	}
	if io.FUA {
		b.WriteString(" fua")
	}
}

var flagNames = []string{
	"full", "final", "durable", "hold", "error", "on", "instance", "checkpoint", "cannot-run", "nic", "probation", "remote", "lost", "gone",
}

func flags(b *strings.Builder, f model.Flags) {
	for i, name := range flagNames {
		if f.Has(1 << i) {
			b.WriteString(" " + name)
		}
	}
}
