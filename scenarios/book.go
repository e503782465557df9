package scenarios

import (
	"slices"

	"holdfast/reports/history"
	"holdfast/sim"
	"holdfast/sim/client"
	"holdfast/sim/guest"
)

// book takes down what the clients of one VM saw, as a history.
type book struct {
	rec       *history.Recorder
	clients   bool // there are some
	now       func() int64
	processes []int64 // by the client's number of the process: the history's, 0 for none, else plus 1
}

func newBook(vm *sim.VM, capacity int, now func() int64) *book {
	header := history.History{Model: history.CASRegister, Object: vm.Name}
	if vm.Service == guest.Bank {
		header.Model = history.Bank
		header.Balances = slices.Repeat([]int64{sim.InitialBalance}, vm.Keys)
	}
	return &book{rec: history.NewRecorder(header, capacity), now: now}
}

// finish ends the history and puts it on the script's clock, which began at zero.
func (b *book) finish(zero int64) *history.History {
	h := b.rec.Finish()
	for i := range h.Operations {
		o := &h.Operations[i]
		o.CallTime, o.ReturnTime = max(o.CallTime-zero, 0), max(o.ReturnTime-zero, 0)
	}
	return h
}

// Begin implements client.Recorder.
func (b *book) Begin(process int64, op client.Op) int {
	for int64(len(b.processes)) <= process {
		b.processes = append(b.processes, 0)
	}
	if b.processes[process] == 0 {
		b.processes[process] = b.rec.NewProcess() + 1
	}
	o := history.Operation{Process: b.processes[process] - 1, Key: int64(op.Key), CallTime: b.now()}
	switch op.Func {
	case guest.OpRead:
		o.Func = history.Read
	case guest.OpWrite:
		o.Func, o.Arg = history.Write, op.Args[0]
	case guest.OpCAS:
		o.Func, o.Arg, o.Arg2 = history.CAS, op.Args[0], op.Args[1]
	case guest.OpTransfer:
		o.Func, o.Arg, o.Arg2, o.Arg3, o.Key = history.Transfer, op.Args[0], op.Args[1], op.Args[2], 0
	case guest.OpReadAll:
		o.Func, o.Key = history.ReadAll, 0
	}
	return int(b.rec.Begin(o))
}

// End implements client.Recorder.
func (b *book) End(handle int, outcome client.Outcome, result *client.Result) {
	out := history.Outcome{Status: history.OK, Time: b.now()}
	switch {
	case outcome == client.Unknown:
		out.Status = history.Unknown
	case result.Status == guest.Refused:
		out.Status = history.Refused
	case result.Status == guest.Invalid:
		out.Status = history.Fail
	default:
		out.Result = result.Value
		out.Values = slices.Clone(result.Values)
	}
	b.rec.End(history.Token(handle), out)
}
