package history

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const header = `{"holdfast_history":1,"model":"register","initial":0,"operations":1}` + "\n"

func TestDecodeErrors(t *testing.T) {
	op := func(s string) string { return header + s + "\n" }
	with := func(h, s string) string {
		return `{"holdfast_history":1,"operations":1,` + h + "}\n" + s + "\n"
	}
	const good = `{"process":0,"f":"write","key":0,"arg":1,"status":"ok","call":1,"return":2}`
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "f: found an empty file"},
		{"blank", " \n\n", "f: found an empty file"},
		{"garbage", "\x7fELF\x01\x02", `f:1: found "\x7fELF\x01\x02", expected a history`},
		{"compressed", "\x1f\x8b\x08", "f:1:1: found a compressed file"},
		{"other JSON", `{"a":1}`, `f:1:2: found member "a", expected one of holdfast_history`},
		{"late version", `{"model":"register","holdfast_history":1}` + "\n", "expected a header that begins with"},
		{"version", `{"holdfast_history":2}`, "f:1:21: found format version \"2\", expected version 1"},
		{"no count", `{"holdfast_history":1,"model":"register"}`, `found a header without "operations"`},
		{"count", `{"holdfast_history":1,"operations":-1}`, `f:1:36: found "-1", expected for "operations" a number from 0`},
		{"model", `{"holdfast_history":1,"operations":0,"model":"wish"}`, `unknown model "wish"`},
		{"model type", `{"holdfast_history":1,"operations":0,"model":7}`, `f:1:46: found "7", expected for "model" a text`},
		{"text", with(`"text":1`, ""), "expected for \"text\" true or false"},
		{"keys", with(`"keys":1`, ""), "expected for \"keys\" a list of texts"},
		{"notes", with(`"notes":1`, ""), "expected for \"notes\" a list of notes"},
		{"note member", with(`"notes":[{"a":1}]`, ""), "with the members text, from"},
		{"note number", with(`"notes":[{"from":"x"}]`, ""), "whose other members are integers"},
		{"NUL", header + "\x00\x00", "f:2:1: found a NUL byte"},
		{"not an object", op(`7`), `f:2:1: found "7", expected a JSON object`},
		{"truncated line", header + good[:30], "f:2:31: found the end of the line"},
		{"no line feed", header + good, "found the end of the file, expected a line feed"},
		{"no operation", header, "f:2: found the end of the file after 0 operations, expected the 1"},
		{"too many", op(good) + good + "\n", "f:3:1: found \"{\\\"process\\\":0"},
		{"trailing", op(good + "x"), "found more text after the object"},
		{"broken", op(`{"process":0,,}`), "f:2:14: found broken JSON"},
		{"not UTF-8", op("{\"process\":\"\xff\"}"), "f:2: found bytes that are not UTF-8"},
		{"unknown member", op(`{"process":0,"colour":1}`), `f:2:14: found member "colour"`},
		{"letter case", op(`{"Process":0}`), `found member "Process"`},
		{"twice", op(`{"process":0,"process":0}`), `f:2:14: found member "process" twice`},
		{"missing", op(`{"process":0}`), `f:2:1: found an operation without "f"`},
		{"func", op(strings.Replace(good, `"write"`, `"wish"`, 1)), `f:2:18: found "\"wish\"", expected for "f" one of read`},
		{"status", op(strings.Replace(good, `"ok"`, `1`, 1)), `expected for "status" one of ok, refused`},
		{"number", op(strings.Replace(good, `"call":1`, `"call":1.5`, 1)), `found "1.5", expected for "call" an integer`},
		{"huge number", op(strings.Replace(good, `"arg":1`, `"arg":99999999999999999999`, 1)), "an integer between"},
		{"reserved number", op(strings.Replace(good, `"arg":1`, `"arg":-9223372036854775808`, 1)), "an integer between"},
		{"null written", op(strings.Replace(good, `"arg":1`, `"arg":null`, 1)), `found "null"`},
		{"no key", op(strings.Replace(good, `"key":0,`, ``, 1)), `without "key"`},
		{"no argument", op(strings.Replace(good, `"arg":1,`, ``, 1)), `found a write without "arg"`},
		{"argument of a read", op(strings.Replace(good, `"write"`, `"read"`, 1)), "found an argument of a read, expected none"},
		{"result of a write", op(strings.Replace(good, `"call"`, `"result":1,"call"`, 1)), "found a result of a write that ended ok"},
		{"read without result", op(`{"process":0,"f":"read","key":0,"status":"ok","call":1,"return":2}`), `found a completed read without "result"`},
		{"wrong model", op(`{"process":0,"f":"acquire","key":0,"status":"ok","call":1,"return":2}`), "f:2: found function acquire does not belong"},
		{"no return", op(strings.Replace(good, `,"return":2`, ``, 1)), "expected the return after the call"},
		{"cas list", with(`"model":"cas-register"`, `{"process":0,"f":"cas","key":0,"arg":[1],"status":"ok","call":1,"return":2}`), "a list of 2 integers"},
		{"list item", with(`"model":"cas-register"`, `{"process":0,"f":"cas","key":0,"arg":[1,"a"],"status":"ok","call":1,"return":2}`), "a list of 2 integers"},
		{"bank key", with(`"model":"bank"`, `{"process":0,"f":"read-all","key":0,"status":"fail","call":1,"return":2}`), "found a key, expected none"},
		{"key name", with(`"model":"register","keys":["a"]`, strings.Replace(good, `"key":0`, `"key":"b"`, 1)), "a name from the header's list"},
		{"text value", with(`"model":"key-value","text":true`, strings.Replace(good, "write", "put", 1)), `expected for "arg" a text`},
		{"long line", header + strings.Repeat("x", MaxLineBytes+5), "f:2: found a line longer than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			requireParseError(t, c.file, c.want)
		})
	}
}

func requireParseError(t *testing.T, file, want string) {
	t.Helper()
	h, err := DecodeAny("f", strings.NewReader(file))
	require.Nil(t, h)
	var parse *ParseError
	require.ErrorAs(t, err, &parse)
	require.ErrorContains(t, err, want)
	require.NotContains(t, err.Error(), "\n")
}

func TestOpen(t *testing.T) {
	_, err := Open(filepath.Join(t.TempDir(), "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
	path := filepath.Join(t.TempDir(), "run.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(header), 0o600))
	_, err = Open(path)
	require.ErrorContains(t, err, path+":2: found")
}

type brokenReader struct{ head *strings.Reader }

func (r brokenReader) Read(p []byte) (int, error) {
	if n, err := r.head.Read(p); err == nil {
		return n, nil
	}
	return 0, errDisk
}

func TestReadErrorsAreReported(t *testing.T) {
	for _, head := range []string{"", header, "INFO jepsen.util - 0 :invoke :read nil\n", "{:process 0"} {
		_, err := DecodeAny("f", brokenReader{strings.NewReader(head)})
		require.ErrorIs(t, err, errDisk)
		var parse *ParseError
		require.False(t, errors.As(err, &parse))
	}
}

func FuzzDecodeAny(f *testing.F) {
	for _, h := range samples() {
		var file bytes.Buffer
		if err := Encode(&file, h); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
	}
	for _, seed := range foreignSeeds() {
		f.Add([]byte(seed))
	}
	f.Add([]byte(header + "\x00"))
	f.Fuzz(func(t *testing.T, data []byte) { requireSound(t, data, DecodeAny) })
}
