package check

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"holdfast/reports/history"
)

// etcdLabels holds one character per Jepsen etcd log, by number: 1 linearizable,
// 0 not, - no verdict (the log is empty).
const etcdLabels = "00100101000000000010000001000001000000100000010011010100100000000001000000011000100000010000100-0010111"

// porcupineData returns the folder of real histories that comes with porcupine's
// source, wherever the module cache is.
func porcupineData(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anishathalye/porcupine").Output()
	require.NoError(t, err, "go list could not find porcupine; run go mod download")
	dir := strings.TrimSpace(string(out))
	require.NotEmpty(t, dir, "porcupine is not in the module cache; run go mod download")
	return filepath.Join(dir, "test_data")
}

func TestLabelledEtcdHistories(t *testing.T) {
	dir := porcupineData(t)
	checked, every, all := 0, 1, 102
	if testing.Short() {
		every, all = 4, 26
	}
	for number, label := range etcdLabels {
		if number%every != 0 {
			continue
		}
		path := filepath.Join(dir, "jepsen", fmt.Sprintf("etcd_%03d.log", number))
		h, err := history.Open(path)
		if label == '-' {
			require.ErrorContains(t, err, "empty file")
			continue
		}
		require.NoError(t, err)
		v, err := Check(h, Limits{})
		require.NoError(t, err)
		want := Illegal
		if label == '1' {
			want = Linearizable
		}
		require.Equal(t, want, v.Result, "etcd_%03d.log: %s", number, v.Message)
		require.Equal(t, want == Illegal, v.Message != "", "an illegal verdict needs a message")
		checked++
	}
	require.Equal(t, all, checked)
}

func TestLabelledKeyValueHistories(t *testing.T) {
	dir := porcupineData(t)
	for _, clients := range []string{"c01", "c10", "c50"} {
		for label, want := range map[string]Result{"ok": Linearizable, "bad": Illegal} {
			h, err := history.Open(filepath.Join(dir, "kv", clients+"-"+label+".txt"))
			require.NoError(t, err)
			v, err := Check(h, Limits{Time: 2 * time.Second, Workers: 2})
			require.NoError(t, err)
			require.Equal(t, want, v.Result, "%s-%s: %s", clients, label, v.Message)
		}
	}
}
