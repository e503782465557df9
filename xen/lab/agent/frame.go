package agent

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// The kinds of frames that commands exchange. A frame is one byte for the kind, four for the length (big endian), and
// the content.
const (
	frameStdin  = 0 // to the command; an empty one ends its input
	frameStdout = 1
	frameStderr = 2
	frameEnd    = 3 // from the server: no more frames, the reply follows
)

// maxFrame is the largest content of a frame in bytes, maxLine that of a line of JSON.
const (
	maxFrame = 64 << 10
	maxLine  = 1 << 20
)

// ErrProtocol is returned when the other side breaks the protocol.
var ErrProtocol = errors.New("agent: protocol error")

// frames writes frames; it may be used by several goroutines.
type frames struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frames) send(kind byte, content []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	head := [5]byte{0: kind}
	binary.BigEndian.PutUint32(head[1:], uint32(len(content)))
	if _, err := f.w.Write(append(head[:], content...)); err != nil {
		return err
	}
	return nil
}

// part is a Writer of frames of one kind.
type part struct {
	to   *frames
	kind byte
}

func (p part) Write(data []byte) (int, error) {
	for at := 0; at < len(data); at += maxFrame {
		if err := p.to.send(p.kind, data[at:min(at+maxFrame, len(data))]); err != nil {
			return at, err
		}
	}
	return len(data), nil
}

// readFrame reads one frame. The content is valid until the next call with the same buffer.
func readFrame(r io.Reader, buffer *[]byte) (kind byte, content []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame || head[0] > frameEnd {
		return 0, nil, fmt.Errorf("%w: frame of kind %d with %d bytes", ErrProtocol, head[0], n)
	}
	if cap(*buffer) < int(n) {
		*buffer = make([]byte, maxFrame)
	}
	content = (*buffer)[:n]
	_, err = io.ReadFull(r, content)
	return head[0], content, err
}

// writeLine writes v as one line of JSON.
func writeLine(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// readLine reads one line of JSON into v.
func readLine(r *bufio.Reader, v any) error {
	var line []byte
	for {
		some, err := r.ReadSlice('\n')
		line = append(line, some...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if len(line) > maxLine {
			return fmt.Errorf("%w: line too long", ErrProtocol)
		}
	}
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("%w: %v", ErrProtocol, err)
	}
	return nil
}
