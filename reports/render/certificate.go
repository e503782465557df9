package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"holdfast/reports"
)

// CertificateFormat is the version of the layout of certificate.json. It changes when a reader of the
// older layout would misunderstand the newer one.
const CertificateFormat = 1

// Certified is the content of certificate.json: the circumstances of a run, and its results.
//
// Results hold only what the same scripts and seeds give again on any machine at any time, and Digest is
// the SHA-256, in hexadecimal, of their canonical form: the JSON of Results as package encoding/json
// writes it without indentation. Two certificates with equal digests are about the same scripts and
// seeds and came to the same conclusions by the same events, whoever made them and when. The
// digest is a means of comparison, not a signature.
type Certified struct {
	Format  int             `json:"format"`
	Tool    reports.Tool    `json:"tool"`
	Started time.Time       `json:"started"`
	WallNS  int64           `json:"wall_ns"`
	Outcome reports.Outcome `json:"outcome"`
	Digest  string          `json:"digest"`
	Results Results         `json:"results"`
}

// Results are the reproducible part of a certificate.
type Results struct {
	EngineFormat int    `json:"engine_format"`
	Seed         uint64 `json:"seed"`
	Selection    string `json:"selection"` // empty: the whole library
	// Backend is what the scenarios ran on, if not on the simulator. Real hosts do not give the same results again,
	// so that digests of such certificates differ.
	Backend   string            `json:"backend,omitempty"`
	Skipped   []reports.Skipped `json:"skipped,omitempty"`
	Totals    reports.Totals    `json:"totals"`
	Scenarios []CertifiedCase   `json:"scenarios"`
}

// CertifiedCase is one scenario of a certificate.
type CertifiedCase struct {
	Name         string                `json:"name"`
	Group        string                `json:"group"`
	Level        string                `json:"level"`
	Purpose      string                `json:"purpose"`
	ScriptHash   string                `json:"script_hash"`
	Seed         uint64                `json:"seed"`
	TraceHash    string                `json:"trace_hash"`
	Outcome      reports.Outcome       `json:"outcome"`
	Failures     []reports.Failure     `json:"failures,omitempty"`
	Expectations []reports.Expectation `json:"expectations"`
	Verdicts     []CertifiedVerdict    `json:"verdicts"`
	Measures     reports.Measures      `json:"measures"`
	SimulatedNS  int64                 `json:"simulated_ns"`
	Events       int64                 `json:"events"`
	Slowness     float64               `json:"slowness,omitempty"` // real seconds of a second of the script; only on real hosts
}

// CertifiedVerdict is a verdict without the real time that the check took.
type CertifiedVerdict struct {
	Object     string                `json:"object"`
	Model      string                `json:"model"`
	Result     reports.VerdictResult `json:"result"`
	Operations int                   `json:"operations"`
	Partitions int                   `json:"partitions"`
}

// Certify reduces run to its certificate.
func Certify(run *reports.Run) (Certified, error) {
	c := Certified{
		Format: CertificateFormat, Tool: run.Tool, Started: run.Started.UTC(), WallNS: run.WallNS,
		Outcome: run.Totals.Outcome,
		Results: Results{
			EngineFormat: run.Tool.EngineFormat, Seed: run.Seed, Selection: run.Selection, Totals: run.Totals,
			Backend: run.Backend, Skipped: run.Skipped,
			Scenarios: make([]CertifiedCase, 0, len(run.Scenarios)),
		},
	}
	for _, s := range run.Scenarios {
		c.Results.Scenarios = append(c.Results.Scenarios, certifyCase(s))
	}
	digest, err := c.Results.digest()
	c.Digest = digest
	return c, err
}

func certifyCase(s reports.Scenario) CertifiedCase {
	out := CertifiedCase{
		Name: s.Name, Group: s.Group, Level: s.Level, Purpose: s.Purpose,
		ScriptHash: s.Hash, Seed: s.Seed, TraceHash: s.TraceHash, Outcome: s.Outcome, Failures: s.Failures,
		Expectations: s.Expectations, Measures: s.Measures, SimulatedNS: s.SimulatedNS, Events: s.Events, Slowness: s.Slowness,
		Verdicts: make([]CertifiedVerdict, 0, len(s.Verdicts)),
	}
	if out.Expectations == nil {
		out.Expectations = []reports.Expectation{}
	}
	if out.Measures.RTO == nil {
		out.Measures.RTO = []int64{}
	}
	for _, v := range s.Verdicts {
		out.Verdicts = append(out.Verdicts, CertifiedVerdict{
			Object: v.Object, Model: v.Model, Result: v.Result, Operations: v.Operations, Partitions: v.Partitions,
		})
	}
	return out
}

func (r Results) digest() (string, error) {
	canonical, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("canonical form: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// Certificate writes the certificate of run as indented JSON.
func Certificate(w io.Writer, run *reports.Run) error {
	c, err := Certify(run)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(c)
}

// VerifyCertificate reads a certificate and checks that its digest belongs to its results.
func VerifyCertificate(data []byte) (Certified, error) {
	var c Certified
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("not a certificate: %w", err)
	}
	if c.Format != CertificateFormat {
		return c, fmt.Errorf("certificate has format %d, this program reads format %d", c.Format, CertificateFormat)
	}
	digest, err := c.Results.digest()
	if err != nil {
		return c, err
	}
	if digest != c.Digest {
		return c, fmt.Errorf("certificate was altered: its results have digest %s, it states %s", digest, c.Digest)
	}
	return c, nil
}
