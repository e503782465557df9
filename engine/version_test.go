package engine_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"holdfast/engine"
	"holdfast/engine/model"
)

// protectedPool returns two hosts and a witness with an ft VM that has its redundancy, primary on 1.
func protectedPool(t *testing.T, configure func(*engine.Config)) *runner {
	r := newRunner(t, 3, configure)
	r.create(model.LevelFT, 1, false)
	r.run(3 * time.Second)
	require.Equal(t, model.Nodes(1, 2), r.members[1].node.Pool().VM(1).InSync)
	return r
}

// passedOn returns a control message that member 3 passes on from 2 to 1 while their links are cut.
func passedOn(t *testing.T, r *runner) model.Message {
	r.members[1].cut[2], r.members[2].cut[1] = true, true
	for range 100_000 {
		for i := range r.queue {
			if m := &r.queue[i].ev.Message; m.Kind == model.MsgControl && m.From == 3 && m.To == 1 && m.Subject == 2 {
				return *m
			}
		}
		r.run(linkDelay / 2)
	}
	require.Fail(t, "nothing was passed on")
	return model.Message{}
}

// voteRequest is the data of a request for a vote that nobody can refuse for lack of a newer log.
func voteRequest(t *testing.T, from, to model.NodeID, term uint64) []byte {
	data, err := proto.Marshal(&pb.Message{
		Type: pb.MsgVote.Enum(), From: new(uint64(from)), To: new(uint64(to)), Term: new(term), Index: new(term), LogTerm: new(term - 1),
	})
	require.NoError(t, err)
	return append([]byte{model.FormatVersion}, data...)
}

// author returns who wrote a control message.
func author(t *testing.T, data []byte) model.NodeID {
	m := &pb.Message{}
	require.NoError(t, proto.Unmarshal(data[1:], m))
	return model.NodeID(m.GetFrom())
}

// answers counts the control messages among the effects.
func answers(effects []model.Effect) (n int) {
	for i := range effects {
		if effects[i].Kind == model.EffectSend && effects[i].Message.Kind == model.MsgControl {
			n++
		}
	}
	return n
}

func TestMessagePassedOnFromAnEarlierLifeIsDropped(t *testing.T) {
	r := protectedPool(t, nil)
	late := passedOn(t, r)
	require.Equal(t, r.members[2].life, late.ID, "it carries its author's life")
	r.kill(2, false)
	r.start(2)
	r.members[1].cut[2], r.members[2].cut[1] = false, false
	r.run(2 * time.Second)

	// A request for a vote in a higher term is answered whatever else happens, so the answer
	// tells whether it was let through.
	vote := late
	vote.Data = voteRequest(t, 2, 1, 1_000)
	arrives := model.Event{Kind: model.EventMessage, Link: model.LinkManagement, Message: vote}
	require.Zero(t, answers(r.members[1].node.Step(r.now, &arrives)))
	arrives.Message.ID = r.members[2].life
	require.NotZero(t, answers(r.members[1].node.Step(r.now, &arrives)))
}

func TestOldWitnessInANewPool(t *testing.T) {
	r := protectedPool(t, func(c *engine.Config) {
		if c.ID == 3 {
			c.Protocol = model.Protocol1
		}
	})
	r.members[1].cut[2], r.members[2].cut[1] = true, true
	passed := 0
	for range 40_000 {
		for i := range r.queue {
			if m := &r.queue[i].ev.Message; m.Kind == model.MsgControl && m.From == 3 && author(t, m.Data) != 3 {
				require.Zero(t, m.Subject, "it says what its version says")
				passed++
			}
		}
		r.run(linkDelay / 2)
	}
	require.NotZero(t, passed, "it passes on all the same")
	r.members[1].cut[2], r.members[2].cut[1] = false, false
	r.run(5 * time.Second)
	require.Equal(t, model.Nodes(1, 2), r.members[1].node.Pool().VM(1).InSync)
}

// TestOverrideWhereADecisionCannotBeRead: an override would decide what is in the member's log. It must not decide what it cannot read:
// the pool's state would be lost.
func TestOverrideWhereADecisionCannotBeRead(t *testing.T) {
	r := protectedPool(t, nil)
	leader := r.members[1].node.Leader()
	follower := model.Nodes(1, 2).Without(leader).First()
	for _, id := range []model.NodeID{leader, 3} { // the entry comes to the follower, and nobody learns that it has it
		r.members[follower].cut[id] = true
	}
	r.members[leader].cut[3] = true
	list, err := r.members[leader].node.ProposeRaw(r.now, []byte{model.FormatVersion + 1, 7})
	require.NoError(t, err)
	for i := range list {
		r.perform(leader, r.members[leader], &list[i])
	}
	r.run(20 * time.Millisecond)
	r.kill(leader, true)
	r.kill(3, true)
	r.run(2 * time.Second)
	before := r.members[follower].node.Pool().VM(1)

	r.trace = nil
	r.order(follower, model.Order{Kind: model.OrderDeclareDead, Node: leader})
	r.run(2 * time.Second)
	trace := strings.Join(r.trace, "\n")
	require.Contains(t, trace, "notify refused")
	require.NotContains(t, trace, "outgrown")
	require.Equal(t, before, r.members[follower].node.Pool().VM(1))
}

func TestMemberThatCannotReadADecisionLetsNothingOut(t *testing.T) {
	r := protectedPool(t, nil)
	leader := r.members[1].node.Leader()
	list, err := r.members[leader].node.ProposeRaw(r.now, []byte{model.FormatVersion + 1, 7})
	require.NoError(t, err)
	for i := range list {
		r.perform(leader, r.members[leader], &list[i])
	}
	r.run(10 * time.Second)
	said := strings.Join(r.trace, "\n")
	require.Contains(t, said, "1: notify outgrown node=1")
	require.Contains(t, said, "1: vm=1 hold")
	for i := range r.queue {
		require.NotEqual(t, model.NodeID(1), r.queue[i].ev.Message.From, "it says nothing any more")
	}

	// A restart of the same version changes nothing, and the records are as they were.
	records := len(r.members[1].records)
	r.kill(1, false)
	r.trace = nil
	r.start(1)
	r.run(time.Second)
	require.Len(t, r.members[1].records, records)
	for _, line := range r.trace {
		require.True(t, strings.Contains(line, "vm=1 hold") || strings.Contains(line, "notify outgrown"), line)
	}
	require.Contains(t, strings.Join(r.trace, "\n"), "vm=1 hold")
}

// recorded returns what the members of a pool persisted in an earlier version.
func recorded(t *testing.T, path string) map[int][]model.Record {
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	records := map[int][]model.Record{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		var member, kind int
		var data string
		_, err := fmt.Sscanf(line, "%d %d %s", &member, &kind, &data)
		require.NoError(t, err, line)
		b, err := hex.DecodeString(data)
		require.NoError(t, err, line)
		records[member] = append(records[member], model.Record{Kind: model.RecordKind(kind), Data: b})
	}
	return records
}

// TestStateOfTheFirstVersion starts members from what the first version persisted: all in this version, and
// each of them still in the first.
func TestStateOfTheFirstVersion(t *testing.T) {
	for old := model.NodeID(0); old <= 3; old++ {
		t.Run(fmt.Sprintf("member %d is old", old), func(t *testing.T) {
			records := recorded(t, filepath.Join("testdata", "records-protocol1"))
			require.Len(t, records, 3)
			r := &runner{t: t, life: 1000, members: make([]*testMember, 4), hosts: model.Nodes(1, 2), witnesses: model.Nodes(3), configure: func(c *engine.Config) {
				if c.ID == old {
					c.Protocol = model.Protocol1
				}
			}}
			for id := 1; id <= 3; id++ {
				r.members[id] = newTestMember()
				r.members[id].records = records[id]
			}
			for id := 1; id <= 3; id++ {
				r.start(model.NodeID(id))
			}
			r.run(20 * time.Second)
			for id := 1; id <= 3; id++ {
				c := r.members[id].node.Pool().VM(1)
				require.Greater(t, c.Gen, model.Gen(6))
				require.Equal(t, model.NodeID(1), c.Primary, "the only copy in sync is the truth")
				require.Equal(t, model.Nodes(1, 2), c.InSync)
			}
			require.NotContains(t, strings.Join(r.trace, "\n"), "outgrown")
		})
	}
}

// TestSharedStorageNeedsEveryMember: a member of the first version cannot read that a VM is on shared storage, so no such VM
// is made while one is heard; it takes no part when one that was away meanwhile comes back.
func TestSharedStorageNeedsEveryMember(t *testing.T) {
	create := model.Order{Kind: model.OrderCreate, VM: 1, Level: model.LevelRestart, Node: 1, Homes: model.Nodes(1, 2), Shared: true}
	old := model.NodeID(3)
	r := newRunner(t, 3, func(c *engine.Config) {
		if c.ID == old {
			c.Protocol = model.Protocol1
		}
	})
	r.run(time.Second)
	r.order(1, create)
	r.run(time.Second)
	require.Contains(t, strings.Join(r.trace, "\n"), "member 3 runs an older version")
	require.Zero(t, r.members[1].node.Pool().VM(1).Gen)

	r.kill(3, true)
	r.run(2 * time.Second)
	r.order(1, create)
	r.run(2 * time.Second)
	require.True(t, r.members[1].node.Pool().VM(1).Shared)
	r.start(3)
	r.run(2 * time.Second)
	require.Contains(t, strings.Join(r.trace, "\n"), "notify outgrown node=3")
}

// TestOverrideAndTheFirstVersion: a member of the first version cannot read that an era begins. While one is heard an
// override begins none; else it does, whoever else is dead.
func TestOverrideAndTheFirstVersion(t *testing.T) {
	for name, c := range map[string]struct {
		protocol uint8 // of the witness
		heard    bool
		era      bool
	}{
		"all are new":            {model.Protocol2, true, true},
		"the witness is old":     {model.Protocol1, true, false},
		"it is old, and is away": {model.Protocol1, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := protectedPool(t, func(config *engine.Config) {
				if config.ID == 3 {
					config.Protocol = c.protocol
				}
			})
			r.kill(1, true)
			if !c.heard {
				r.kill(3, true)
			}
			r.run(2 * time.Second)
			before := r.members[2].node.Pool().VM(1).Gen
			r.order(2, model.Order{Kind: model.OrderDeclareDead, Node: 1})
			r.run(2 * time.Second)
			after := r.members[2].node.Pool().VM(1)
			require.Equal(t, model.NodeID(2), after.Primary)
			require.GreaterOrEqual(t, after.Gen, before)
			require.Equal(t, c.era, after.Gen.Era() != 0)
			require.Len(t, r.members[2].node.Pool().Overrides(), 1)
			require.NotContains(t, strings.Join(r.trace, "\n"), "outgrown")
		})
	}
}
