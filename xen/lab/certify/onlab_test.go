package certify

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A run ends when its lab does, with the reason.
func TestALabThatEnds(t *testing.T) {
	died := errors.New("the emulator died")
	for _, c := range []struct{ lab, want error }{{died, died}, {nil, errEnded}} {
		supervise := func(_ context.Context, ready func()) error { ready(); return c.lab }
		_, err := during(t.Context(), supervise, func(ctx context.Context) (*Result, error) {
			select {
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			case <-time.After(30 * time.Second):
				return nil, errors.New("nobody said that the lab is gone")
			}
		})
		require.ErrorIs(t, err, c.want)
		require.EqualError(t, err, c.want.Error(), "it is told once")
	}
}

// A lab outlives what is done in it, ends with it, and says what went wrong at its own end.
func TestALabThatLasts(t *testing.T) {
	unclean := errors.New("a file could not be removed")
	for _, end := range []error{nil, context.Canceled, unclean} {
		over := false
		supervise := func(ctx context.Context, ready func()) error {
			ready()
			<-ctx.Done()
			over = true
			return end
		}
		want := &Result{}
		got, err := during(t.Context(), supervise, func(ctx context.Context) (*Result, error) { return want, ctx.Err() })
		require.Same(t, want, got)
		require.True(t, over)
		if end == unclean {
			require.ErrorIs(t, err, unclean)
		} else {
			require.NoError(t, err)
		}
	}
	unready := func(context.Context, func()) error { return unclean }
	_, err := during(t.Context(), unready, nil)
	require.ErrorIs(t, err, unclean)
	require.ErrorContains(t, err, "starting the lab")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = during(ctx, func(ctx context.Context, _ func()) error { <-ctx.Done(); return nil }, nil)
	require.ErrorIs(t, err, context.Canceled)
}
