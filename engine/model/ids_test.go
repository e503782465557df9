package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
)

// TestGenReads: a generation that no override moved reads as a number.
func TestGenReads(t *testing.T) {
	require.Equal(t, "20", model.Gen(20).String())
	require.Equal(t, "67/20", model.Gen(19).In(model.FirstEra+67).String())
	require.Equal(t, "1048576/2", model.Gen(1).In(1<<20).String(), "an era of an earlier version")
}
