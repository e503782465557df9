// Package control is the pool's control log: the one place where the members
// agree on what happens to VMs, and in which order.
//
// It is a thin, deterministic layer around raft.RawNode of go.etcd.io/raft/v3.
// That library owns the consensus; this package owns what it leaves to its
// user: timers, storage records, snapshots, what to do when a disk forgets, and
// the operator's override.
//
// # The contract
//
// One step of the node makes any of these calls and then Drain, once:
//
//	Wake, Receive, Propose, Suspect, Heard, Observe, Confirm, PeerAmnesia, ForceAlone, Change
//
//	          Drain ──► EffectPersist …   one record per step of raft
//	                    EffectSend …      what relies on that record
//	                    (apply's effects)
//
// At most one Receive may lie between two Drains. The runner performs effects
// in order and makes each record durable before what follows. It may crash
// between any two; Fold and New then continue from the records that got
// durable. A record moves the store from one consistent state to the next, so
// no pair of records must survive together.
//
// A life begins with Fold, New, SetSnapshot, and a Wake with the current
// instant; from then on NextWake says when the next one is due.
//
// apply sees the proposals of the log in order, each with its index; indexes
// rise with gaps. After a restart it sees again what the snapshot does not
// contain: what it sees is a history to rebuild state from, and effects in the
// world must be safe to repeat.
//
// # Time and chance
//
// raft's own elections use crypto/rand and ticks. Here ticks go to leaders
// only, and followers campaign from this package's seeded timers (timer.go says
// why the rest of raft's randomness has no effect). A member campaigns
//
//   - when its leader is suspected: the first of the voters that are heard at once, the others one
//     after the other, so that votes are not split (a witness a moment later, so that a
//     host leads), so that failover costs detection and two round trips;
//   - when the leader has been silent for ElectionTimeout, whatever the cause;
//   - again and again, at random distances, while there is no leader.
//
// Members that are content with their leader keep a request for a pre-vote
// until they are not. Hence nobody deposes a leader that a quorum hears, and
// the order in which members notice a failure does not delay the election. When
// two members cannot hear each other and a third hears both, messages go
// through the third: the leader stays.
//
// # Amnesia
//
// raft assumes that a voter never forgets a vote or an acknowledgement. A disk
// that was replaced, rolled back, or lied about a flush breaks that silently.
// Suppose A leads, A and W store x, so x is committed, and B is cut off. W
// comes back without x, A dies: B and W are a majority, elect B, and x is gone.
//
// The protection:
//
//  1. Every member keeps its peak: the highest term and index that it ever
//     persisted. It never falls, although a log may be cut. Position returns
//     it, and heartbeats carry it.
//  2. Members remember the most they know of each other's peak (Observe,
//     Known). Acknowledgements and votes themselves teach it, so whoever
//     counted one knows it, and stores it in the same record as the commit or
//     term that relied on it. Heartbeats spread it.
//  3. A member that starts is in probation: it ignores the log until one peer
//     has told it what it remembers of it (Confirm). One is enough, and peers
//     in probation may answer, so that a pool that starts as a whole, for the
//     first time or not, does not wait for ever. A pool of one voter has nobody
//     to ask.
//  4. If a peer remembers more than the disk holds, the member has amnesia. It
//     records as its floor the highest term in which it can have promised
//     anything, and moves its own term to floor + 1. From then on raft refuses
//     everything that comes from terms up to the floor, and the refusal makes a
//     leader that counts on what was forgotten give up its term (PeerAmnesia
//     only makes that quicker).
//  5. While its log ends in a term up to the floor, the member neither votes
//     nor campaigns.
//
// Why that is enough. Let x be committed in a term up to the floor, stored by a
// majority M that includes the forgetful W. A leader of a term above the floor
// is elected by a majority V without W. Two majorities have a member in common,
// which is not W, because V is without it. That member has x, and the rule for
// votes makes the leader have it. The same holds when several members forgot;
// there may then be no such V, and the pool stops rather than lose x. W's log
// can end in a term above the floor only by copying such a leader's log up to
// an entry of its own term, with all that precedes it. Then W has x and may
// vote. What W acknowledges to such a leader before that, it really has, and it
// counts.
//
// The limits. The peer that confirms must know. If the only member that knew is
// gone at that moment, and told nobody, a disk that went back cannot be
// noticed. The same goes for a vote or acknowledgement that is still on its way
// when its sender forgets it: a node drops messages from earlier lives of
// a member (model.Message.Incarnation, and for one that was passed on its author's, model.Message.ID) once it has
// heard a later one. Members that speak Protocol1 pass on without the author's life: until the last one
// is upgraded, a message that was passed on and delayed beyond its author's restart escapes this. And an
// answer to Confirm must be younger than this member's start.
//
// A leader's heartbeat that counts on entries which are not here is treated as
// such knowledge too, whenever it comes.
//
// # Members
//
// Members vote or learn. A learner gets every entry and may propose, and nothing waits for
// it. Voters are few, so that decisions are cheap, and are replaced (Change), one member at a
// time and each change decided before the next begins:
//
//	         Learn             Vote
//	nobody ─────────► learner ─────────► voter
//	  ▲      Remove      │ ▲     Learn     │
//	  └──────────────────┘ └───────────────┘
//
// A change is an entry of the log and counts from where it is applied. Two configurations
// that follow each other differ in one voter, so every majority of the one shares a member with
// every majority of the other; that is what raft needs, and why the leader proposes no second
// change while one is undecided. Only a learner that has the log becomes a voter, and the last two
// voters stay: one alone would have nobody to tell it what it forgot.
//
// The arguments above hold with changes in between:
//
//   - Amnesia. Let x be committed in a term up to the floor by a majority M of one configuration, and
//     let V, without the forgetful W, elect a leader above the floor under the same configuration
//     or the next. M and V share a member, which is not W because V is without it. If more changes lie
//     between, each of them is an entry behind x that such a majority stored, and whoever can
//     be elected under the later configuration has it, and with it x, step by step. What a learner
//     acknowledged counts from the moment when it votes; the leader knows of it, so that a
//     learner that forgets is noticed like a voter. W itself may remember an old configuration: it neither
//     votes nor campaigns before it has the log, and with that the configuration, of a leader above the floor.
//   - Pre-votes. Members that are content hold requests back whoever asks, so that somebody who was
//     made a learner, or removed, and does not know it yet disturbs nobody; while there is no leader it may
//     ask, and wins only with a log that lacks nothing committed. A learner answers requests, as
//     raft demands, because it may not know yet that it votes; who counts is decided by the configuration of
//     the one who asks.
//   - Relays. Learners pass messages on like voters.
//   - A leader that stops being a voter steps down when it applies that. The voters that apply it
//     do not wait until its silence is noticed.
//
// # The override
//
// ForceAlone rewrites the configuration to this member alone, at an operator's
// word. It replaces the log by a snapshot one index behind its end, in a term
// of an era of its own (era.go), far above all known ones. No other log can match that entry, so everybody who
// returns is sent the snapshot, and with it the new configuration. Change then
// brings members back, first as learners. A member that went on elsewhere and
// finds its own commits contradicted starts over from nothing (startOver): the
// operator decided that they are void.
//
// Should both sides be given the override, the higher era wins, and the other side's decisions are lost. Why logs match,
// and one of them wins whole: terms of an era are used by those only whose log is of that era (Amnesia keeps the others from
// voting and campaigning, however they got into such a term), and each of those logs descends from the snapshot of
// the one override that began the era. Within an era raft's own argument holds. Between two eras no entries are equal,
// so nothing of the one is ever appended to the other; the leader of the higher one finds no entry to go on from and
// sends its snapshot, and what the lower one committed is either below it or contradicted. The leader of the lower one is refused by its term.
//
// Those who were declared dead may be a majority of the voters that they know. They return without
// a word of the override in their logs, and until a leader whom they know sends them the
// new one nothing in raft would stop them from deciding among themselves. The term tells: only an override begins
// an era. So a member that learns, from a heartbeat of anybody or from what a third one remembers, of a position in a higher
// one puts a floor under its own log, as after amnesia, and neither votes nor leads before it has the other one. What remains
// is the time before it hears of it: whoever returns while nobody is there that knows of the override cannot know.
package control
