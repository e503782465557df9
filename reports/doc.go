// Package reports is the data model of a certification run: what was asked, what happened, what was
// measured, and what was concluded.
//
// The runner of the scenarios fills these structs; package reports/render turns them into a page for
// people, JUnit XML for build servers and a certificate for archives; package reports/check adds the
// verdicts on the histories of the clients.
//
//	scenario runner ──► Scenario ─┐
//	                              ├──► Run ──► render: index.html, junit.xml, certificate.json
//	reports/check ────► Verdict ──┘
//
// Everything here is plain data. Nothing in it reads a clock, a file or a random number; two runs
// with the same scripts and seeds give equal values, except for the fields that say "wall".
//
// # Units
//
// Every time inside a scenario is simulated time, an int64 number of nanoseconds since the scenario
// began. Fields that hold one end in NS in Go and in _ns in JSON, save the points of a timeline (At, From,
// To, Until), whose type [Time] says it. Real time that the machine spent ends in WallNS.
package reports
