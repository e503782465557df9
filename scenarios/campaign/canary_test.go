package campaign

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCanaries: each canary fails with the rules that it wants, and passes when nothing is wrong with its world: so
// it is what is wrong that is found.
func TestCanaries(t *testing.T) {
	for _, c := range canaries {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.run(context.Background())
			require.NoError(t, err)
			require.True(t, got.Alive, "wants %v, found %v", got.Wants, got.Found)

			c.prepare = nil
			got, err = c.run(context.Background())
			require.NoError(t, err)
			require.Empty(t, got.Found, "an honest world")
			require.False(t, got.Alive)
		})
	}
}
