//go:build !planted

// Package hunt shows that a test finds the bugs that were planted for it; see
// the build with the tag "planted".
package hunt
