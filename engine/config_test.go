package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine"
	"holdfast/engine/model"
)

func TestConfigValidate(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*engine.Config)
		want  string // what the error names; empty: none
	}{
		"good":                 {func(*engine.Config) {}, ""},
		"witness":              {func(c *engine.Config) { c.ID = 3 }, ""},
		"no pause":             {func(c *engine.Config) { c.Timing.PromoteWait = 0 }, ""},
		"nobody":               {func(c *engine.Config) { c.ID = 0 }, "ID 0"},
		"joins":                {func(c *engine.Config) { c.ID, c.Contacts = 4, model.Nodes(1) }, ""},
		"joins as nobody":      {func(c *engine.Config) { c.ID, c.Contacts = 0, model.Nodes(1) }, "ID 0"},
		"five voters":          {func(c *engine.Config) { c.Voters = 5 }, ""},
		"four voters":          {func(c *engine.Config) { c.Voters = 4 }, "Voters"},
		"hasty rehoming":       {func(c *engine.Config) { c.Timing.RehomeAfter = 0 }, "RehomeAfter"},
		"hasty replacement":    {func(c *engine.Config) { c.Timing.VoterLostAfter = 0 }, "VoterLostAfter"},
		"too far":              {func(c *engine.Config) { c.Timing.Far = 101 }, "Far"},
		"not far":              {func(c *engine.Config) { c.Timing.Far = 0 }, "Far"},
		"stranger":             {func(c *engine.Config) { c.ID = 4 }, "ID 4"},
		"host and witness":     {func(c *engine.Config) { c.Witnesses = model.Nodes(2, 3) }, "{2}"},
		"no heartbeat":         {func(c *engine.Config) { c.Timing.Heartbeat = 0 }, "Heartbeat"},
		"hasty suspicion":      {func(c *engine.Config) { c.Timing.SuspectAfter = 199 * time.Millisecond }, "SuspectAfter"},
		"negative wait":        {func(c *engine.Config) { c.Timing.PromoteWait = -1 }, "PromoteWait"},
		"negative patience":    {func(c *engine.Config) { c.Timing.ColdStartAfter = -1 }, "ColdStartAfter"},
		"no repetition":        {func(c *engine.Config) { c.Timing.ProposeEvery = 0 }, "ProposeEvery"},
		"no reports":           {func(c *engine.Config) { c.Timing.ReportEvery = 0 }, "ReportEvery"},
		"no repair":            {func(c *engine.Config) { c.Timing.RepairEvery = 0 }, "RepairEvery"},
		"no epoch":             {func(c *engine.Config) { c.Pair.Epoch = 0 }, "pair timing"},
		"time-out too short":   {func(c *engine.Config) { c.Pair.AckTimeout = c.Pair.Resend - 1 }, "AckTimeout"},
		"no extents":           {func(c *engine.Config) { c.Mirror.Extents = 0 }, "Extents"},
		"empty extents":        {func(c *engine.Config) { c.Mirror.ExtentSectors = 0 }, "ExtentSectors"},
		"no active extents":    {func(c *engine.Config) { c.Mirror.ActiveExtents = 0 }, "ActiveExtents"},
		"no copies":            {func(c *engine.Config) { c.Mirror.CopyDepth = 0 }, "CopyDepth"},
		"no I/O time-out":      {func(c *engine.Config) { c.Mirror.IOTimeout = 0 }, "IOTimeout"},
		"no mirror repetition": {func(c *engine.Config) { c.Mirror.Resend = 0 }, "Resend"},
	} {
		t.Run(name, func(t *testing.T) {
			config := testConfig(1, model.Nodes(1, 2), model.Nodes(3))
			c.spoil(&config)
			node, err := engine.New(config, nil)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.Nil(t, node)
			require.ErrorIs(t, err, engine.ErrConfig)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestDamagedRecordsAreRefused(t *testing.T) {
	_, err := engine.New(testConfig(1, model.Nodes(1, 2), model.Nodes(3)), []model.Record{{Kind: model.RecordState, Data: []byte{model.FormatVersion, 0xff}}})
	require.ErrorContains(t, err, "records of node 1")
}
