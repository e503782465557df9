package workload

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServicesHaveNames(t *testing.T) {
	for _, s := range Services() {
		got, err := Named(s.Name())
		require.NoError(t, err)
		require.Equal(t, s, got)
	}
	s, err := Named("")
	require.NoError(t, err)
	require.Equal(t, Registers{}, s)
	_, err = Named("mysql")
	require.EqualError(t, err, `no client for a service "mysql"; the services are registers, redis, postgres`)
}
