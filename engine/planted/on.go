//go:build planted

package planted

// Compiled reports whether this build contains planted bugs at all.
const Compiled = true

var active Bug

// On reports whether bug is active.
func On(bug Bug) bool { return active == bug }

// Plant makes bug the active one; None heals everything. Not for concurrent use.
func Plant(bug Bug) { active = bug }
