package lex

import (
	"fmt"
	"strings"
)

// Error is one complaint about one place in a text. It is returned by pointer, so callers reach it
// with errors.As.
type Error struct {
	// File is the name the caller gave the text; it may be empty when the text has none.
	File string
	// Line and Column count from 1; columns count characters, not bytes.
	Line, Column int
	// Problem says what was found; it is never empty.
	Problem string
	// Expected says what would have been right; it may be empty when Problem says it already.
	Expected string
	// Suggestion is the nearest word that is valid in this place, or empty.
	Suggestion string
}

// Error renders the complaint on one line: file:line:column: problem, expected ...; did you mean ...?
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
	}
	fmt.Fprintf(&b, "%d:%d: %s", e.Line, e.Column, e.Problem)
	if e.Expected != "" {
		b.WriteString(", expected " + e.Expected)
	}
	if e.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %q?", e.Suggestion)
	}
	return b.String()
}

// Nearest returns the candidate that is most likely meant by word, or "" when none is close: at most
// one edit (insert, delete, replace or swap of neighbours) for words of up to four characters, two
// for longer ones. Among equals the first candidate wins, so the answer is stable.
func Nearest(word string, candidates []string) string {
	limit := 2
	if len(word) <= 4 {
		limit = 1
	}
	best, bestDistance := "", limit+1
	for _, c := range candidates {
		if c == word {
			continue
		}
		if d := distance(word, c); d < bestDistance && d < len(c) {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the optimal string alignment distance of a and b, in bytes: all words of the languages
// are ASCII, and a wrong character outside ASCII costs a little more, which is no harm.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row := rows[(i+2)%3], rows[i%3], rows[(i+1)%3]
		if i == 1 {
			before = nil
		}
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if before != nil && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return rows[(len(a)+1)%3][len(b)]
}
