package check

import (
	"fmt"
	"sync"
	"time"

	"holdfast/reports/history"
)

// Result is the outcome of a check.
type Result string

const (
	// Linearizable is proven: an order exists that explains every answer.
	Linearizable Result = "linearizable"
	// Illegal is proven: no order explains the answers. The run failed.
	Illegal Result = "illegal"
	// Unknown is not proven either way, because a limit was reached or because the
	// history holds no evidence. It is inconclusive and never a pass.
	Unknown Result = "unknown"
)

// Partition is the verdict on one key.
type Partition struct {
	Key int64 `json:"key"`
	// Name is the name of the key, or its number.
	Name       string `json:"name"`
	Result     Result `json:"result"`
	Operations int    `json:"operations"`
	// Duration is the time the check took, in nanoseconds.
	Duration time.Duration `json:"duration_ns"`
	// Message explains a Result that is not Linearizable, in words for a person.
	Message string `json:"message,omitempty"`
}

// Verdict is the outcome of a check of a whole history: Illegal if a partition is,
// else Unknown if a partition is, else Linearizable.
type Verdict struct {
	Model  history.Model `json:"model"`
	Object string        `json:"object,omitempty"`
	Result Result        `json:"result"`
	// Operations counts all operations of the history, also those that say nothing.
	Operations int           `json:"operations"`
	Duration   time.Duration `json:"duration_ns"`
	// Message is the message of the partition that decided, with its name.
	Message    string      `json:"message,omitempty"`
	Partitions []Partition `json:"partitions"`
}

// Passed reports whether the history is proven linearizable.
func (v *Verdict) Passed() bool { return v.Result == Linearizable }

// Deciding returns the partition that decided a Result other than Linearizable, or
// nil when there is none.
func (v *Verdict) Deciding() *Partition {
	for i := range v.Partitions {
		if p := &v.Partitions[i]; p.Result == v.Result && p.Result != Linearizable {
			return p
		}
	}
	return nil
}

// Check judges a history. Its error wraps history.ErrInvalid for a history that
// breaks the rules of its format, or ErrLimits; it never reports a violation.
func Check(h *history.History, limits Limits) (Verdict, error) {
	v := Verdict{Model: h.Model, Object: h.Object, Operations: len(h.Operations)}
	limits, err := limits.withDefaults()
	if err != nil {
		return v, err
	}
	if err := h.Validate(); err != nil {
		return v, fmt.Errorf("check %s history of %q: %w", h.Model, h.Object, err)
	}
	start := time.Now()
	parts := split(h)
	v.Partitions = make([]Partition, len(parts))
	search := searcher{modelFor(h), limits.Memory / int64(limits.Workers)}

	var wait sync.WaitGroup
	next := make(chan int)
	for range min(limits.Workers, len(parts)) {
		wait.Go(func() {
			for i := range next {
				v.Partitions[i] = judge(h, parts[i], search, limits.Time)
			}
		})
	}
	for i := range parts {
		next <- i
	}
	close(next)
	wait.Wait()
	v.conclude(h)
	v.Duration = time.Since(start)
	return v, nil
}

// conclude derives the verdict from the partitions.
func (v *Verdict) conclude(h *history.History) {
	v.Result = Linearizable
	for _, p := range v.Partitions {
		if p.Result == Illegal || p.Result == Unknown && v.Result == Linearizable {
			v.Result = p.Result
		}
	}
	if p := v.Deciding(); p != nil {
		v.Message = p.Message
		if h.Model != history.Bank {
			v.Message = "key " + p.Name + ": " + p.Message
		}
		return
	}
	for i := range h.Operations {
		if Answered(&h.Operations[i]) {
			return
		}
	}
	v.Result, v.Message = Unknown, "no operation completed: the history proves nothing"
}

// judge checks one partition: the rules, then the proof.
func judge(h *history.History, part partition, search searcher, limit time.Duration) Partition {
	start := time.Now()
	p := Partition{Key: part.key, Name: h.KeyName(part.key), Operations: len(part.ops)}
	broken := brokenRule(h, part.ops)
	proof := found{result: Linearizable}
	if h.Model != history.Bank || !orderedBank(h, part.ops) {
		proof = search.run(withoutIdle(h, part.ops), limit)
	}
	p.Result, p.Message = proof.result, proof.reason
	switch {
	case broken != "" && proof.result == Linearizable:
		p.Result = Unknown
		p.Message = "the two checks disagree, which is a defect of the checker; the rule says: " + broken
	case broken != "":
		p.Result, p.Message = Illegal, broken
	case proof.result == Illegal:
		p.Message = blame(h, part.ops, search, limit)
	}
	p.Duration = time.Since(start)
	return p
}
