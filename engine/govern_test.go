package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/engine/model"
)

// order gives an operator's order to a member.
func (r *runner) order(id model.NodeID, o model.Order) {
	r.step(id, &model.Event{Kind: model.EventOperator, Order: o})
}

func (r *runner) stateRoom(id, host model.NodeID, mib uint32) {
	r.order(id, model.Order{Kind: model.OrderPolicy, Node: host, Policy: model.Policy{Kind: model.PolicyHost, Memory: mib}})
}

func (r *runner) stateNeed(id model.NodeID, vm model.VMID, mib uint32) {
	r.order(id, model.Order{Kind: model.OrderPolicy, VM: vm, Policy: model.Policy{Kind: model.PolicyVM, Memory: mib}})
}

func (r *runner) createAnywhere(id model.NodeID, vm model.VMID) {
	r.order(id, model.Order{Kind: model.OrderCreate, VM: vm, Level: model.LevelHA})
}

// said returns the lines of the trace that contain all the words, without their times.
func (r *runner) said(words ...string) (lines []string) {
	for _, line := range r.trace {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if _, text, _ := strings.Cut(line, "ms  "); all {
			lines = append(lines, text)
		}
	}
	return lines
}

// What is ordered at one member is decided in that order, so that a creation is placed by what was stated before.
func TestCreationsWaitForStatements(t *testing.T) {
	r := newRunner(t, 3, nil)
	r.run(3 * time.Second)
	r.stateRoom(2, 1, 1024)
	r.stateRoom(2, 2, 4096)
	r.stateNeed(2, 1, 2048)
	r.stateNeed(2, 2, 512)
	r.createAnywhere(2, 1)
	r.createAnywhere(2, 2)
	r.order(2, model.Order{Kind: model.OrderCreate, VM: 3, Level: model.LevelHA, Node: 3})
	r.run(5 * time.Second)
	state := r.members[1].node.Pool()
	require.Zero(t, state.VM(1).Gen)
	require.Equal(t, model.Nodes(1, 2), state.VM(2).InSync, "it has its redundancy")
	require.Zero(t, state.VM(3).Gen, "the witness is no home")
	require.Equal(t, []string{
		"2: notify refused vm=1 node=2: no place for the VM: host 1: 0 of 1024 MiB used or reserved, 2048 needed",
		"2: notify refused vm=3 node=3: the VM's home must be a host of the pool that stays",
	}, r.said("refused"))
}

// The log decides who gets the last room when two members place VMs at the same instant.
func TestOneOfTwoCreationsGetsTheRoom(t *testing.T) {
	r := newRunner(t, 3, nil)
	r.run(3 * time.Second)
	r.stateRoom(1, 1, 1024)
	r.stateNeed(1, 1, 600)
	r.stateNeed(1, 2, 600)
	r.run(time.Second)
	r.createAnywhere(1, 1)
	r.createAnywhere(2, 2)
	r.run(3 * time.Second)
	state := r.members[1].node.Pool()
	require.True(t, (state.VM(1).Gen == 0) != (state.VM(2).Gen == 0), "%+v %+v", state.VM(1), state.VM(2))
	require.Len(t, r.said("refused", "no place for the VM"), 1)
	require.Len(t, r.said("refused", "host 1: 600 of 1024 MiB used or reserved, 600 needed"), 1)
}

// What other members could not read never gets into the log.
func TestUnreadableStatementIsRefused(t *testing.T) {
	r := newRunner(t, 3, nil)
	r.run(3 * time.Second)
	r.order(1, model.Order{Kind: model.OrderPolicy, Node: 1, Policy: model.Policy{Kind: model.NumPolicies}})
	r.order(1, model.Order{Kind: model.OrderPolicy, Node: 1, Policy: model.Policy{Kind: model.PolicyHost, Memory: model.MaxMemory + 1}})
	r.order(1, model.Order{Kind: model.OrderPolicy, Node: 3, Policy: model.Policy{Kind: model.PolicyHost, Memory: 1}})
	r.run(3 * time.Second)
	require.Len(t, r.said("refused", "kind of policy is 5"), 1)
	require.Len(t, r.said("refused", "memory is 1073741825"), 1)
	require.NotEmpty(t, r.said("refused", "policy of a host by member 1: no such member or component: 3"), "the witness has no room")
	require.Empty(t, r.said("outgrown"))
	require.True(t, r.members[2].node.Pool().Rules().Empty())
}

// One member says what does not hold, once, and that it holds again; also if another member leads by then.
func TestBreachesAreSaid(t *testing.T) {
	r := newRunner(t, 3, nil)
	r.create(model.LevelHA, 1, false)
	r.run(3 * time.Second)
	r.stateRoom(1, 2, 1024)
	r.stateNeed(1, 1, 2048)
	r.run(2 * time.Second)
	require.Len(t, r.said("policy-broken node=2: host 2: 0 MiB used and 2048 reserved of 1024 MiB"), 1)
	require.Empty(t, r.said("moving"), "there is nowhere to go")
	leader := r.members[2].node.Leader()
	r.kill(leader, false)
	r.run(3 * time.Second)
	require.Len(t, r.said("policy-broken node=2"), 2, "the new leader says it again")
	r.start(leader)
	r.run(3 * time.Second)
	r.stateRoom(1, 2, 2048)
	r.run(time.Second)
	require.Len(t, r.said("policy-kept node=2"), 1)
}
