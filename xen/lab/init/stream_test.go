package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pieces is a stream that comes piece by piece.
type pieces []string

func (p *pieces) Read(b []byte) (int, error) {
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	*p = (*p)[1:]
	return n, nil
}

func TestUntilCheckpoint(t *testing.T) {
	stream := pieces{"first" + checkpointRecord, "libxl", "second" + checkpointRecord, "libxl", "third"}
	for n, want := range map[int]string{
		1: "first" + checkpointRecord,
		2: "first" + checkpointRecord + "libxlsecond" + checkpointRecord,
		3: strings.Join(stream, ""),
	} {
		var to bytes.Buffer
		from := append(pieces(nil), stream...)
		copied, err := untilCheckpoint(n)(&to, &from)
		require.NoError(t, err)
		require.Equal(t, want, to.String())
		require.EqualValues(t, len(want), copied)
	}
}

func TestStreamUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"serve", "1", "2"}, {"cut", "0", "1", "2", "cat"}, {"cut", "1", "1", "2"}, {"connect", "x", "0"}} {
		require.Error(t, runStream(args))
	}
}
