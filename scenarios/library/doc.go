// Package library holds the certification scenarios: one file for each thing that Holdfast promises
// to survive, grouped by the level or the component it is about. They are embedded, so that the
// command-line tool carries them wherever it runs.
//
// A file <group>/<name>.hfs holds the scenario <group>-<name> in canonical form. Adding a file is all
// it takes to add a scenario. The package runs nothing; package scenarios does.
package library
