package scenarios

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
	"holdfast/reports/check"
	"holdfast/reports/history"
	"holdfast/sim"
)

// Each operation is judged by where it stands to the cut: the last write that the recovery point has was completed
// at 100 ms, the first that it lacks at 110 ms, and the VM was started at 500 ms.
func TestLose(t *testing.T) {
	cut := []sim.Cut{{Lo: model.Time(100 * time.Millisecond), Hi: model.Time(110 * time.Millisecond), At: model.Time(500 * time.Millisecond)}}
	op := func(f history.Func, status history.Status, call, ret int64) history.Operation {
		ms := int64(time.Millisecond)
		o := history.Operation{Func: f, Status: status, Call: call, Return: ret, CallTime: call * ms, ReturnTime: ret * ms, Arg: call}
		if status == history.Unknown {
			o.Return, o.ReturnTime = history.Never, 0
		}
		return o
	}
	for name, c := range map[string]struct {
		op   history.Operation
		want history.Status
	}{
		"before the cut":                   {op(history.Write, history.OK, 10, 20), history.OK},
		"answered before the first lost":   {op(history.Write, history.OK, 90, 105), history.OK},
		"read before the first lost":       {op(history.Read, history.OK, 101, 109), history.OK},
		"across the cut":                   {op(history.Write, history.OK, 95, 120), history.Unknown},
		"read across the cut":              {op(history.Read, history.OK, 95, 120), history.Fail},
		"after the cut":                    {op(history.Write, history.OK, 101, 120), history.Fail},
		"refused after the cut":            {op(history.CAS, history.Refused, 101, 120), history.Fail},
		"read after the cut":               {op(history.Read, history.OK, 200, 220), history.Fail},
		"answered by the started VM":       {op(history.Write, history.OK, 200, 700), history.OK},
		"nobody knows":                     {op(history.Write, history.Unknown, 200, 0), history.Unknown},
		"certainly without effect already": {op(history.Write, history.Fail, 200, 220), history.Fail},
		"after the start":                  {op(history.Read, history.OK, 600, 700), history.OK},
	} {
		t.Run(name, func(t *testing.T) {
			h := &history.History{Operations: []history.Operation{c.op}}
			got := lose(h, cut, 0)
			require.Equal(t, c.want, got.Operations[0].Status)
			require.Equal(t, c.op, h.Operations[0], "the history itself must not change")
			undone, open := countLost(h, got)
			require.Equal(t, c.want != c.op.Status, undone+open == 1)
		})
	}
}

// A write that is there although it came after the point, and one that is not although it came before, are both found.
func TestLoseFindsMixtures(t *testing.T) {
	cut := []sim.Cut{{Lo: model.Time(100), Hi: model.Time(110), At: model.Time(500)}}
	verdict := func(found int64) check.Result {
		h := &history.History{Model: history.CASRegister, Operations: []history.Operation{
			{Process: 0, Func: history.Write, Status: history.OK, Arg: 1, Call: 1, Return: 2, CallTime: 10, ReturnTime: 20},
			{Process: 0, Func: history.Write, Status: history.OK, Arg: 2, Call: 3, Return: 4, CallTime: 30, ReturnTime: 40},
			{Process: 0, Func: history.Write, Status: history.OK, Arg: 3, Call: 5, Return: 6, CallTime: 101, ReturnTime: 120},
			{Process: 1, Func: history.Read, Status: history.OK, Result: found, Call: 7, Return: 8, CallTime: 600, ReturnTime: 610},
		}}
		v, err := check.Check(lose(h, cut, 0), check.Limits{})
		require.NoError(t, err)
		return v.Result
	}
	require.Equal(t, check.Linearizable, verdict(2), "exactly what is not in the point is lost")
	require.Equal(t, check.Illegal, verdict(1), "something before the point is lost")
	require.Equal(t, check.Illegal, verdict(3), "something after the point is there")
}
