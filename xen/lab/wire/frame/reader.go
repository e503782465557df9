package frame

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// slabBytes is how much memory a Reader gets at a time. Frames of one slab share its memory, which lives as long
// as the last of them: small enough that one frame in a queue does not hold much else, large enough that a
// frame costs less than an allocation of its own.
const slabBytes = 16 << 10

// Reader takes frames out of a stream. It is not safe for concurrent use.
type Reader struct {
	in     *bufio.Reader
	slab   []byte
	length [lengthBytes]byte
}

// NewReader returns a Reader of the stream in. It reads ahead.
func NewReader(in io.Reader) *Reader {
	return &Reader{in: bufio.NewReaderSize(in, 64<<10)}
}

// TooLongError says that a stream announced a frame longer than MaxBytes. The stream cannot be read on: either
// the other side is not QEMU, or bytes were lost.
type TooLongError struct {
	Bytes uint32 // the announced length
}

// Error names the length and the limit.
func (e *TooLongError) Error() string {
	return fmt.Sprintf("a frame of %d bytes is announced, at most %d are possible: the stream does not carry frames of -netdev stream", e.Bytes, MaxBytes)
}

// Next returns the next frame. The slice is the caller's to keep, and shares memory with nothing that changes.
// The error is io.EOF at the end of the stream, io.ErrUnexpectedEOF if it ends within a frame, a *TooLongError,
// or what the stream's Read returned. A frame may be shorter than HeaderBytes.
func (r *Reader) Next() ([]byte, error) {
	if _, err := io.ReadFull(r.in, r.length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(r.length[:])
	if n > MaxBytes {
		return nil, &TooLongError{Bytes: n}
	}
	if int(n) > len(r.slab) {
		r.slab = make([]byte, max(slabBytes, int(n)))
	}
	f := r.slab[:n:n]
	if _, err := io.ReadFull(r.in, f); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	r.slab = r.slab[n:]
	return f, nil
}
