package pool

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"holdfast/engine/model"
)

// decoder reads numbers from bytes that come from outside. The first error
// sticks, and everything after it reads as zero.
type decoder struct {
	data   []byte
	format uint8
	at     int
	err    error
}

func newDecoder(data []byte) *decoder {
	d := &decoder{data: data, at: 1}
	if len(data) == 0 {
		d.at = 0
		d.fail("it is empty")
	} else if d.format = data[0]; d.format < model.Protocol1 || d.format > model.ProtocolNewest {
		d.fail("format version is %d, want %d to %d", d.format, model.Protocol1, model.ProtocolNewest)
	}
	return d
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("byte %d: %s", d.at, fmt.Sprintf(format, args...))
	}
}

// number reads a varint in its shortest form, so that equal values have equal bytes.
func (d *decoder) number(what string) uint64 {
	if d.err != nil {
		return 0
	}
	v, n := protowire.ConsumeVarint(d.data[d.at:])
	switch {
	case n < 0:
		d.fail("%s: %v", what, protowire.ParseError(n))
		return 0
	case n != protowire.SizeVarint(v):
		d.fail("%s: %d takes %d bytes, want %d", what, v, n, protowire.SizeVarint(v))
		return 0
	}
	d.at += n
	return v
}

func (d *decoder) below(what string, limit uint64) uint64 {
	v := d.number(what)
	if v >= limit {
		d.fail("%s is %d, want less than %d", what, v, limit)
		return 0
	}
	return v
}

func (d *decoder) node(what string) model.NodeID {
	return model.NodeID(d.below(what, uint64(model.MaxNode)+1))
}

func (d *decoder) nodes(what string) model.NodeSet {
	v := model.NodeSet(d.number(what))
	if v&1 != 0 {
		d.fail("%s: member 0 does not exist", what)
	}
	return v
}

// section reports whether a section of the snapshot comes next that begins with this mark, a number below 128.
func (d *decoder) section(mark byte) bool {
	return d.err == nil && d.at < len(d.data) && d.data[d.at] == mark
}

// end returns the first error; bytes that are left over are one.
func (d *decoder) end() error {
	if d.err == nil && d.at < len(d.data) {
		d.fail("%d bytes follow the end", len(d.data)-d.at)
	}
	return d.err
}
