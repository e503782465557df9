package certify

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"go/scanner"
	"go/token"
	"path"
)

// Format is the number of what Real says and of how it is measured. It rises with every change of calibration, of clients' load, of faults
// or of judging after which a result cannot be compared with an earlier one.
const Format = 2

// sources are the files that make a driver what it is.
//
//go:embed none.go remus.go watcher.go watcher.sh drbd.res toolstack.go
var sources embed.FS

// sourcesOf names the files of each driver. All have the toolstack's wrapper, and the watcher waits for the silence that remus defines.
var sourcesOf = map[string][]string{
	"none":    {"none.go", "toolstack.go"},
	"remus":   {"remus.go", "toolstack.go"},
	"watcher": {"watcher.go", "watcher.sh", "drbd.res", "remus.go", "toolstack.go"},
}

// Made identifies how results with a driver come about: the Format, and a digest of the driver, comments in its programs aside. Results
// with different ones cannot be put into one table. It fails for a driver that does not exist.
func Made(driver string) (string, error) {
	files, ok := sourcesOf[driver]
	if !ok {
		_, err := NewDriver(driver)
		return "", err
	}
	sum := sha256.New()
	for _, name := range files {
		text, err := sources.ReadFile(name)
		if err != nil {
			return "", err
		}
		if path.Ext(name) == ".go" {
			text = tokens(text)
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(text), text)
	}
	return fmt.Sprintf("%d-%x", Format, sum.Sum(nil)[:8]), nil
}

// tokens returns what a Go program says, without its comments and its lines.
func tokens(text []byte) (out []byte) {
	var s scanner.Scanner
	files := token.NewFileSet()
	s.Init(files.AddFile("", files.Base(), len(text)), text, nil, 0)
	for {
		_, tok, literal := s.Scan()
		if tok == token.EOF {
			return out
		}
		if tok == token.SEMICOLON && literal == "\n" {
			continue // the end of a line
		}
		out = fmt.Appendf(out, "%s %s\n", tok, literal)
	}
}
