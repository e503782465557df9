package disk_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"holdfast/engine/model"
	"holdfast/sim/disk"
	"holdfast/sim/random"
)

func TestStoreAgainstList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s disk.Store
		var all, old []model.Record
		var image *disk.Store
		synced := 0
		sync := func() {
			synced = len(all)
			for i := len(all) - 1; i > 0; i-- {
				if all[i].Kind == model.RecordBase {
					all, synced = all[i:], synced-i
					break
				}
			}
		}
		r := random.New(rapid.Uint64().Draw(t, "seed"), random.Disk)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch what := rapid.IntRange(0, 14).Draw(t, "what"); {
			case what < 8:
				rec := model.Record{
					Kind: rapid.SampledFrom([]model.RecordKind{model.RecordBase, model.RecordState, model.RecordEntries, model.RecordEntries}).Draw(t, "kind"),
					Data: rapid.SliceOfN(rapid.Byte(), 1, 5).Draw(t, "data"),
				}
				s.Append(rec)
				all = append(all[:len(all):len(all)], model.Record{Kind: rec.Kind, Data: append([]byte(nil), rec.Data...)})
				rec.Data[0]++ // the store must have its own copy
			case what < 11:
				s.Sync()
				sync()
			case what == 11:
				s.Crash()
				all = all[:synced]
			case what == 12:
				mode := disk.Loss(rapid.IntRange(0, int(disk.LossDraw)).Draw(t, "mode"))
				s.PowerLoss(r, mode)
				kept := explain(all, synced, s.Records(nil))
				switch mode {
				case disk.LoseAll:
					kept = synced
				case disk.KeepAll:
					kept = len(all)
				}
				require.GreaterOrEqual(t, kept, 0, "what is left is not the beginning of what was there")
				all = all[:kept]
				sync()
			case what == 13:
				image, old = s.Snapshot(), all[:synced:synced]
			case image != nil:
				s.Restore(image)
				all, synced = old, len(old)
			}
			require.True(t, equal(all, s.Records(nil)), "%v, not %v", s.Records(nil), all)
			require.Equal(t, synced, s.Synced())
			require.Equal(t, len(all), s.Len())
		}
	})
}

// explain returns how many records must have survived for got to be left, or -1.
func explain(all []model.Record, synced int, got []model.Record) int {
	for kept := synced; kept <= len(all); kept++ {
		base := 0
		for i := range kept {
			if all[i].Kind == model.RecordBase {
				base = i
			}
		}
		if equal(all[base:kept], got) {
			return kept
		}
	}
	return -1
}

func equal(a, b []model.Record) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Kind != b[i].Kind || string(a[i].Data) != string(b[i].Data) {
			return false
		}
	}
	return true
}

func TestUnsyncedBaseTruncatesNothing(t *testing.T) {
	var s disk.Store
	s.Append(model.Record{Kind: model.RecordState, Data: []byte("a")})
	s.Sync()
	s.Append(model.Record{Kind: model.RecordBase, Data: []byte("b")})
	s.Crash()
	require.Equal(t, []model.Record{{Kind: model.RecordState, Data: []byte("a")}}, s.Records(nil))
	s.Append(model.Record{Kind: model.RecordBase, Data: []byte("b")})
	s.Sync()
	require.Equal(t, []model.Record{{Kind: model.RecordBase, Data: []byte("b")}}, s.Records(nil))
}
