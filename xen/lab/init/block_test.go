package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSharedDisks(t *testing.T) {
	all := parseStore(`/local/domain/0/backend/vbd/1/51712 = ""
/local/domain/0/backend/vbd/1/51712/frontend-id = "1"
/local/domain/0/backend/vbd/1/51712/mode = "w"
/local/domain/0/backend/vbd/1/51712/physical-device = "fe:0"
/local/domain/0/backend/vbd/1/51728/frontend-id = "1"
/local/domain/0/backend/vbd/1/51728/mode = "r"
/local/domain/0/backend/vbd/1/51728/physical-device = "fe:21"
/local/domain/0/backend/vbd/2/51712/mode = "r"
/local/domain/0/backend/vbd/2/51728/mode = "w"
`)
	require.Equal(t, "fe:0", all[backends+"/1/51712/physical-device"])
	mine := func(disk, device string) string { return sharedWith(all, backends+"/2/"+disk, device) }
	require.Equal(t, "1", mine("51712", "fe:0"), "another guest writes to it")
	require.Equal(t, "1", mine("51728", "fe:21"), "another guest reads what this one would change")
	require.Empty(t, mine("51712", "fe:21"), "two that read")
	require.Empty(t, mine("51728", "fe:10"))
	require.Empty(t, sharedWith(all, backends+"/1/51712", "fe:0"), "its own")
}
