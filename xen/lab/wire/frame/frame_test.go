package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestMAC(t *testing.T) {
	m, err := ParseMAC("52:54:00:aB:00:01")
	require.NoError(t, err)
	require.Equal(t, "52:54:00:ab:00:01", m.String())
	require.False(t, m.Group())
	require.True(t, Broadcast.Group())
	require.True(t, MAC{0x33, 0x33}.Group())
	for _, bad := range []string{"", "52:54:00:ab:00", "52:54:00:ab:00:01:02:03", "x"} {
		_, err := ParseMAC(bad)
		require.ErrorContains(t, err, "expected an Ethernet address", bad)
	}
	f := append([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 0x08, 0)
	require.Equal(t, MAC{1, 2, 3, 4, 5, 6}, Destination(f))
	require.Equal(t, MAC{7, 8, 9, 10, 11, 12}, Source(f))
}

// frames draws frames of all kinds of lengths, empty and longest ones too.
func frames() *rapid.Generator[[]byte] {
	return rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 100), rapid.Map(rapid.IntRange(0, MaxBytes), func(n int) []byte {
		return bytes.Repeat([]byte{byte(n)}, n)
	}))
}

func TestWhatWasAppendedIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(frames(), 0, 20).Draw(t, "frames")
		var stream []byte
		for _, f := range want {
			stream = Append(stream, f)
		}
		var in io.Reader = bytes.NewReader(stream)
		if rapid.Bool().Draw(t, "one byte at a time") {
			in = iotest.OneByteReader(in)
		}
		r := NewReader(in)
		var got [][]byte
		for range want {
			f, err := r.Next()
			if err != nil {
				t.Fatalf("frame %d: %v", len(got), err)
			}
			got = append(got, f)
		}
		for i := range want { // after all were read: none was written over
			if !bytes.Equal(want[i], got[i]) || cap(got[i]) != len(got[i]) {
				t.Fatalf("frame %d changed, or can grow into the next", i)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("after the last frame: %v", err)
		}
	})
}

func TestReaderErrors(t *testing.T) {
	whole := Append(nil, make([]byte, 60))
	for cut := 1; cut < len(whole); cut++ {
		_, err := NewReader(bytes.NewReader(whole[:cut])).Next()
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "after %d bytes", cut)
	}
	longest := binary.BigEndian.AppendUint32(nil, MaxBytes+1)
	_, err := NewReader(bytes.NewReader(longest)).Next()
	tooLong := (*TooLongError)(nil)
	require.ErrorAs(t, err, &tooLong)
	require.EqualValues(t, MaxBytes+1, tooLong.Bytes)
	broken := errors.New("broken")
	_, err = NewReader(iotest.ErrReader(broken)).Next()
	require.ErrorIs(t, err, broken)
}

// FuzzReader compares the reader with a naive one on arbitrary streams.
func FuzzReader(f *testing.F) {
	f.Add(Append(Append(nil, []byte("first")), []byte("second")))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := NewReader(bytes.NewReader(stream))
		rest := stream
		for {
			got, err := r.Next()
			if len(rest) == 0 {
				require.Equal(t, io.EOF, err)
				return
			}
			if len(rest) < 4 {
				require.Equal(t, io.ErrUnexpectedEOF, err)
				return
			}
			n := binary.BigEndian.Uint32(rest)
			if n > MaxBytes {
				require.ErrorAs(t, err, new(*TooLongError))
				return
			}
			if int(n) > len(rest)-4 {
				require.Equal(t, io.ErrUnexpectedEOF, err)
				return
			}
			require.NoError(t, err)
			require.True(t, bytes.Equal(rest[4:4+n], got))
			rest = rest[4+n:]
		}
	})
}

func BenchmarkReader(b *testing.B) {
	stream := bytes.Repeat(Append(nil, make([]byte, 64)), 1000)
	b.SetBytes(64)
	b.ReportAllocs()
	for n := 0; n < b.N; {
		r := NewReader(bytes.NewReader(stream))
		for ; n < b.N; n++ {
			if _, err := r.Next(); err != nil {
				break
			}
		}
	}
}
