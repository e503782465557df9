package history

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func foreignSeeds() []string {
	return []string{
		"INFO  jepsen.util - 0\t:invoke\t:read\tnil\nINFO  jepsen.util - 0\t:ok\t:read\t3\n",
		"INFO jepsen.util - 1 :invoke :cas [4 3]\nINFO jepsen.util - :nemesis :info :start nil\nINFO jepsen.util - 1 :fail :cas [4 3]\n",
		`{:process 0, :type :invoke, :f :append, :key "0", :value "x"}` + "\n" + `{:process 0, :type :ok, :f :append, :key "0", :value "x"}`,
		`[{:process 0 :type :invoke :f :write :value [7 1] :time 5 :index 0} #jepsen.history.Op{:process 0 :type :info :f :write :value [7 1]}]`,
		`{:process 0 :type :invoke :f :transfer :value {:from 0 :to 1 :amount 5}} {:process 0 :type :ok :f :transfer :value {:from 0 :to 1 :amount 5}}`,
		`{:process 0 :type :invoke :f :read :value nil} ; c` + "\n" + `{:process 0 :type :ok :f :read :value {0 5, 1 \}}}`,
		`({:process 0 :type :invoke :f :acquire :value nil} {:process 0 :type :ok :f :acquire :value nil})`,
	}
}

func decodeText(t *testing.T, text string) *History {
	t.Helper()
	h, err := DecodeAny("f", strings.NewReader(text))
	require.NoError(t, err)
	return h
}

func TestJepsenLog(t *testing.T) {
	h := decodeText(t, strings.Join([]string{
		"INFO  jepsen.util - 0\t:invoke\t:read\tnil",
		"INFO  jepsen.util - 1   :invoke :cas    [1 2]",
		"INFO  jepsen.util - 0\t:ok\t:read\tnil\r",
		"INFO  jepsen.util - 1\t:fail\t:cas\t[1 2]",
		"INFO  jepsen.util - :nemesis\t:info\t:start\tnil",
		"INFO  jepsen.util - 0\t:invoke\t:read\tnil",
		"INFO  jepsen.util - 0\t:fail\t:read\t:timed-out",
		"INFO  jepsen.util - 2\t:invoke\t:write\t5",
		"INFO  jepsen.util - 2\t:info\t:write\t:timed-out",
		"INFO  jepsen.util - 3\t:invoke\t:write\t6",
	}, "\n"))
	require.Equal(t, &History{Model: CASRegister, Initial: Nil, Operations: []Operation{
		{Process: 0, Func: Read, Status: OK, Result: Nil, Call: 1, Return: 3},
		{Process: 1, Func: CAS, Arg: 1, Arg2: 2, Status: Refused, Call: 2, Return: 4},
		{Process: 0, Func: Read, Status: Fail, Call: 6, Return: 7},
		{Process: 2, Func: Write, Arg: 5, Status: Unknown, Call: 8, Return: Never},
		{Process: 3, Func: Write, Arg: 6, Status: Unknown, Call: 10, Return: Never},
	}, Notes: []Note{{Text: "start info", From: 5, To: 5}}}, h)
}

func TestEDN(t *testing.T) {
	tuple := decodeText(t, `[{:process 0, :type :invoke, :f :cas, :value [9 [1 2]], :time 100, :index 0}
		#jepsen.history.Op{:process 0, :type :fail, :f :cas, :value [9 [1 2]], :time 150 :error :mismatch}
		{:process :nemesis, :type :info, :f :kill, :time 160}
		{:process 0, :type :invoke, :f :read, :value [9 nil]} ; the last
		{:process 0, :type :ok, :f :read, :value [9 4]}]`)
	require.Equal(t, &History{Model: CASRegister, Initial: Nil, Operations: []Operation{
		{Func: CAS, Key: 9, Arg: 1, Arg2: 2, Status: Fail, Call: 1, Return: 2, CallTime: 100, ReturnTime: 150},
		{Func: Read, Key: 9, Result: 4, Status: OK, Call: 4, Return: 5},
	}, Notes: []Note{{Text: "kill info", From: 3, To: 3, FromTime: 160, ToTime: 160}}}, tuple)

	bank := decodeText(t, `{:process 0 :type :invoke :f :read} {:process 0 :type :ok :f :read :value {1 7, 0 3}}
		{:process 0 :type :invoke :f :transfer :value {:from 0 :to 1 :amount 2}}`)
	require.Equal(t, &History{Model: Bank, Initial: Nil, Operations: []Operation{
		{Func: ReadAll, Values: []int64{3, 7}, Status: OK, Call: 1, Return: 2},
		{Func: Transfer, Arg2: 1, Arg3: 2, Status: Unknown, Call: 3, Return: Never},
	}}, bank)

	text := decodeText(t, `{:process 0 :type :invoke :f :append :key "k" :value "a}\""}{:process 0 :type :ok :f :append :key "k" :value "a}\""}
		{:process 0 :type :invoke :f :get :key :z :value nil} {:process 0 :type :ok :f :get :key :z :value nil}`)
	require.Equal(t, []string{"k", "z"}, text.Keys)
	require.True(t, text.Text)
	require.Equal(t, `a}"`, text.Operations[0].Input)

	require.Equal(t, Mutex, decodeText(t, foreignSeeds()[6]).Model)
	require.Equal(t, []int64{3, 7}, decodeText(t, `{:process 0 :type :invoke :f :read} {:process 0 :type :ok :f :read :value [3 7]}
		{:process 0 :type :invoke :f :transfer :value {:from 0 :to 1 :amount 2}}`).Operations[0].Values)
	integers := decodeText(t, `{:process 0 :type :invoke :f :put :value ["k" 4]} {:process 0 :type :ok :f :put :value ["k" 4]}
		{:process 0 :type :invoke :f :get :value ["k" nil]} {:process 0 :type :ok :f :get :value ["k" 4]}`)
	require.Equal(t, int64(4), integers.Operations[1].Result)
	require.Equal(t, []string{"k"}, integers.Keys)
}

func TestForeignErrors(t *testing.T) {
	log := func(lines ...string) string {
		return "INFO jepsen.util - " + strings.Join(lines, "\nINFO jepsen.util - ")
	}
	invoke := func(rest string) string { return "{:process 0 :type :invoke " + rest + "}" }
	for _, c := range []struct{ name, file, want string }{
		{"other log line", "INFO jepsen.core - hello", "f:1:1: found \"INFO jepsen.core - hello\", expected a line that begins with"},
		{"short line", log("0 :invoke"), "f:1:29: found the end of the line"},
		{"process", log("x :invoke :read nil"), `f:1:20: found process "x"`},
		{"negative process", log("-4 :invoke :read nil"), "found process -4"},
		{"keyword", log("0 invoke :read nil"), `f:1:22: found "invoke", expected a keyword`},
		{"value", log("0 :invoke :write [1"), `f:1:37: found value "[1"`},
		{"type", log("0 :wonder :read nil"), `f:1: found type "wonder"`},
		{"function", log("0 :invoke :wish nil"), `found function "wish"`},
		{"double invoke", log("0 :invoke :read nil", "0 :invoke :read nil"), "f:2: found a second call by process 0, whose call on line 1"},
		{"no invoke", log("1 :invoke :read nil", "0 :ok :read nil"), "f:2: found the end (ok) of an operation of process 0"},
		{"retired", log("0 :invoke :read nil", "0 :info :read :timed-out", "0 :invoke :read nil"), "f:3: found a call by process 0, whose operation ended unknown on line 2"},
		{"other function", log("0 :invoke :read nil", "0 :ok :write 1"), "found the end of a write by process 0, expected the end of its read"},
		{"other value", log("0 :invoke :write 1", "0 :ok :write 2"), `found value "2", expected the value of the call on line 1`},
		{"bad number", log("0 :invoke :write x"), "expected an integer"},
		{"huge number", log("0 :invoke :write 99999999999999999999"), "expected"},
		{"cas", log("0 :invoke :cas [1]"), "expected the expected and the new value in brackets"},
		{"only the nemesis", log(":nemesis :info :start nil"), "found no operation of a client"},
		{"NUL in log", "INFO\x00", "f:1:5: found a NUL byte"},
		{"truncated map", invoke(":f :read") + "\n{:process", "f:2:10: found the end of the file, expected the closing brace of the operation that begins on line 2"},
		{"truncated vector", "[" + invoke(":f :read"), "expected the closing bracket"},
		{"after the vector", "[" + invoke(":f :read") + "] {", "expected the end of the file after the list"},
		{"no map", "[1 2]", `f:1:2: found "1", expected a map`},
		{"tag", "#foo [1]", "found a tag without a map"},
		{"tag at the end", "#foo", "found a tag without a map"},
		{"comment only", "; nothing", "found an empty file"},
		{"NUL in EDN", "{:process\x00", "f:1:10: found a NUL byte"},
		{"broken EDN", "{:process 0 :type}", "which is not EDN"},
		{"unbalanced", "{:process 0 ]", "which is not EDN"},
		{"no process", "{:type :invoke}", `f:1:1: found :process "nil"`},
		{"no type", "{:process 0}", `found :type "nil", expected a keyword`},
		{"time", invoke(`:f :read :time "x"`), "found :time"},
		{"nested", "{:process " + strings.Repeat("[", 40), "nested more than 32 deep"},
		{"mixed models", invoke(":f :read") + "\n{:process 1 :type :invoke :f :acquire}", "f:1:1: found function read, expected only functions of the model mutex"},
		{"key after none", invoke(":f :read") + "{:process 1 :type :invoke :f :read :key 1}", "found a :key, expected none"},
		{"none after key", invoke(":f :read :key 1") + "{:process 1 :type :invoke :f :read}", "found no :key"},
		{"no tuple after tuple", invoke(":f :write :value [1 2]") + "{:process 1 :type :invoke :f :write :value 3}", `found value "3", expected a key and a value`},
		{"key type", invoke(":f :read :key 1.5"), `found key "1.5"`},
		{"text after number", invoke(":f :read :key 1") + `{:process 1 :type :invoke :f :read :key "a"}`, "expected an integer, as in"},
		{"number after text", invoke(`:f :read :key "a"`) + `{:process 1 :type :invoke :f :read :key 1}`, "expected a text, as in"},
		{"other key", invoke(":f :read :key 1") + `{:process 0 :type :ok :f :read :key 2 :value 1}`, "found key 2, expected key 1"},
		{"number among texts", invoke(`:f :put :key 1 :value "a"`) + `{:process 1 :type :invoke :f :put :key 1 :value 1}`, "expected a text, as in other"},
		{"transfer", invoke(":f :transfer :value 1"), "expected {:from account"},
		{"transfer part", invoke(":f :transfer :value {:from 0}"), "expected an integer"},
		{"transfer range", invoke(":f :transfer :value {:from -1 :to 0 :amount 1}"), "f:1: found transfer from account -1"},
		{"balances", invoke(":f :read") + "{:process 0 :type :ok :f :read :value {0 1 5 1}}", "expected the accounts 0 to 1"},
		{"balance", invoke(":f :read") + "{:process 0 :type :ok :f :read :value {0 nil}}", "expected an integer"},
		{"long operation", "{:process \"" + strings.Repeat("x", MaxLineBytes), "found an operation longer than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) { requireParseError(t, c.file, c.want) })
	}
}

// requireSound demands of any input: one clear error and no history, or a valid
// history that survives being written and read again.
func requireSound(t *testing.T, data []byte, decode func(string, io.Reader) (*History, error)) {
	h, err := decode("f", bytes.NewReader(data))
	if err != nil {
		var parse *ParseError
		require.ErrorAs(t, err, &parse)
		require.Nil(t, h)
		require.NotEmpty(t, parse.Found)
		require.NotEmpty(t, parse.Expected)
		require.NotContains(t, err.Error(), "\n")
		return
	}
	var file, again bytes.Buffer
	require.NoError(t, Encode(&file, h))
	second, err := Decode("again", bytes.NewReader(file.Bytes()))
	require.NoError(t, err)
	require.NoError(t, Encode(&again, second))
	require.Equal(t, file.String(), again.String())
}

func FuzzDecodeEDN(f *testing.F) {
	for _, seed := range foreignSeeds()[2:] {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { requireSound(t, data, DecodeEDN) })
}

func FuzzDecodeJepsenLog(f *testing.F) {
	for _, seed := range foreignSeeds()[:2] {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { requireSound(t, data, DecodeJepsenLog) })
}

func FuzzDecode(f *testing.F) {
	for _, h := range samples() {
		var file bytes.Buffer
		if err := Encode(&file, h); err != nil {
			f.Fatal(err)
		}
		f.Add(file.Bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) { requireSound(t, data, Decode) })
}
