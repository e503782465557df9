package model

// Versions of the protocol between members. A member says in its messages which one it speaks at
// most, and everybody speaks to it what both understand, so that a pool can be upgraded one
// member at a time. What a version added must be ignored by those who do not know it, or not be sent to them.
const (
	// Protocol1 is the first version. It is what a heartbeat without a version means.
	Protocol1 uint8 = 1
	// Protocol2 adds to control messages that go through a third member who wrote them, in which life, and
	// the decisions of which pool.Command.Format says 2.
	Protocol2 uint8 = 2

	// ProtocolNewest is the newest version that this engine speaks.
	ProtocolNewest = Protocol2
)
