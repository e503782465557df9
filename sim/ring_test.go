package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestShelfHasOneVersion: what comes again takes the place of what came before, whatever was taken off meanwhile, and the
// oldest gives way when there is no room.
func TestShelfHasOneVersion(t *testing.T) {
	w := &World{}
	var s shelf
	s.keep(w, 1, 1, w.grab())
	s.keep(w, 1, 2, w.grab())
	require.NotNil(t, s.take(1, 1))
	newest := w.grab()
	s.keep(w, 1, 2, newest)
	require.Same(t, newest, s.take(1, 2))
	require.Nil(t, s.get(1, 2))
	s.keep(w, 7, 9, newest)
	require.Nil(t, s.get(8, 9), "of another session")
	for id := range uint64(shelfSize) {
		s.keep(w, 8, id, w.grab())
	}
	require.Nil(t, s.get(7, 9))
	require.NotNil(t, s.get(8, 0))
	s.clear(w)
	require.Nil(t, s.get(8, 0))
}
