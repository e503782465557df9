// Package baseline runs the scripts of scenarios/baseline with every driver on the lab, many times each, and makes the
// table of what came of them.
//
//	Cases ──► for each seed, each case: Trial, unless its file is there ──► out/DRIVER/SCRIPT/SEED.json, .jsonl
//	                                                                          │
//	                                                                 Load ──► Write: the tables of docs/baseline.md
//
// One trial after the other, seeds outermost, so that an interrupted run has about as many trials of each case; the
// next one goes on where it ended. A trial is done when its file is there and was made by script, driver and
// measuring as they are now; all others are no part of the table, and are made again.
package baseline
