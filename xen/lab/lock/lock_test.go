package lock

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test program stand in for another process that holds a lock.
func TestMain(m *testing.M) {
	if name := os.Getenv("HOLDFAST_TEST_HOLD"); name != "" {
		_, err := Take(name, "the test")
		fmt.Println(err)
		select {}
	}
	os.Exit(m.Run())
}

func TestOneHolderAtATime(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	first, err := Take(name, "the cache")
	require.NoError(t, err)
	_, err = Take(name, "the cache")
	require.ErrorIs(t, err, ErrHeld)
	require.ErrorContains(t, err, fmt.Sprintf("the cache is held by process %d", os.Getpid()))
	require.NoError(t, first.Release())
	again, err := Take(name, "the cache")
	require.NoError(t, err)
	require.NoError(t, again.Release())
}

func TestLockEndsWithItsProcess(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "HOLDFAST_TEST_HOLD="+name)
	out, err := other.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, other.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "<nil>\n", line)

	_, err = Take(name, "the cache")
	require.ErrorContains(t, err, fmt.Sprintf("process %d", other.Process.Pid))
	require.NoError(t, other.Process.Kill())
	_ = other.Wait()
	mine, err := Take(name, "the cache")
	require.NoError(t, err, "a process that was killed holds nothing")
	require.NoError(t, mine.Release())
}

func TestRemovedLockIsNotTaken(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	first, err := Take(name, "the cache")
	require.NoError(t, err)
	late, err := os.Open(name) // somebody who opened the file before it went
	require.NoError(t, err)
	defer late.Close()
	require.NoError(t, first.Remove())
	require.NoFileExists(t, name)
	require.False(t, isStill(late, name))
	second, err := Take(name, "the cache")
	require.NoError(t, err)
	require.False(t, isStill(late, name), "the name is another file's now")
	require.NoError(t, second.Remove())
}

func TestFolderThatIsNotThere(t *testing.T) {
	_, err := Take(filepath.Join(t.TempDir(), "no", "lock"), "the cache")
	require.ErrorIs(t, err, os.ErrNotExist)
}
