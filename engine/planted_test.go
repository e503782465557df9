//go:build planted

package engine

import (
	"testing"

	"holdfast/engine/internal/hunt"
	"holdfast/engine/planted"
)

// TestNodeFindsPlantedBugs: the tests of the node find the bugs whose moment plans hardly ever meet.
func TestNodeFindsPlantedBugs(t *testing.T) {
	hunt.Finds(t, "^TestOvertakenHeartbeat$", planted.OvertakenBelieved, "Should be false")
	hunt.Finds(t, "^TestRespondsAgain$", planted.HungForGood, "Should be zero")
	hunt.Finds(t, "^TestToldWhenAllIsLearnt$", planted.ClearToldEarly, "Should not be")
	hunt.Finds(t, "^TestHeardAgain$", planted.LossUpheld, "Should be false")
	hunt.Finds(t, "^TestOrdersOfOneThatLeft$", planted.LeaverOrders, "Should be empty")
	hunt.Finds(t, "^TestRecordKeptWhileCopied$", planted.ChangedWhileCopied, "Should be false")
	hunt.Finds(t, "^TestHoldsVM$", planted.HeldUntrue, "Not equal")
	hunt.Finds(t, "^TestCannotGoOn$", planted.FinalAwaited, "Not equal")
	hunt.Finds(t, "^TestSessionsAreFollowedOnce$", planted.SessionTwice, "Not equal")
	hunt.Finds(t, "^TestSessionsAreFollowedOnce$", planted.LateLife, "Not equal")
	hunt.Finds(t, "^TestRecoveryCopyAnew$", planted.HistoryKept, "Not equal")
	hunt.Finds(t, "^TestOverrideWhereADecisionCannotBeRead$", planted.OverrideUnread, "does not contain")
	hunt.Finds(t, "^TestSecondCreation$", planted.CreationForgotten, "Not equal")
	hunt.Finds(t, "^TestForcedStartOvertaken$", planted.StartForgotten, "Not equal")
	hunt.Finds(t, "^TestTakenBackInTime$", planted.OpenForEver, "should have 1 item")
	hunt.Finds(t, "^TestOrderWhereNothingIsKnown$", planted.HearsayAgreed, "should have 4 item")
	hunt.Finds(t, "^TestWishesEnd$", planted.WishKept, "Not equal")
}
