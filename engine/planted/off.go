//go:build !planted

package planted

// Compiled reports whether this build contains planted bugs at all.
const Compiled = false

// On reports whether bug is active: never in this build.
func On(Bug) bool { return false }
