// Package lex holds what the line-based languages of Holdfast share: the fault language (package
// faults) and the scenario language (package scenarios/script). It cuts one line into tokens, hands
// them out through a Cursor, reads and prints the scalar values of both languages (durations,
// percentages, bandwidths, multiples of a time-out), and gives every complaint the same shape.
//
// A complaint is always an *Error: file, line, column, what was found, what was expected, and the
// nearest word that would have been right. There is no recovery: the first error ends the reading,
// so that nobody has to guess which of twenty messages is the cause of the others.
//
// The package never knows a fault or a statement by name, never reads files, and keeps no state
// between lines.
package lex
