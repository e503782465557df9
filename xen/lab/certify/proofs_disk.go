package certify

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// The disks of host b are looked at past dom0's memory: with direct reads and writes of one block. Letters stand for contents.
const (
	readLetter = "dd if=/dev/lab/data bs=4096 count=1 iflag=direct 2>/dev/null | head -c 1"
	sumBlocks  = "dd if=/dev/lab/data bs=1M count=16 iflag=direct 2>/dev/null | md5sum"
)

// writeLetter writes a block and prints what dd's exit code was. With conv=fsync among the options the disk is flushed.
func writeLetter(letter, options string) string {
	return "code=0; yes " + letter + " | tr -d '\\n' | dd of=/dev/lab/data bs=4096 count=1 iflag=fullblock oflag=direct " + options +
		" 2>/dev/null || code=1; echo $code"
}

// each runs shell scripts on b and does faults, which begin with a plus sign, in order. It returns what the scripts printed.
func (t *tester) each(ctx context.Context, steps ...string) (string, error) {
	var out []string
	for _, step := range steps {
		if fault, is := strings.CutPrefix(step, "+"); is {
			if err := t.again(ctx, fault); err != nil {
				return "", err
			}
			continue
		}
		text, err := t.on(ctx, "b", step)
		if err != nil {
			return "", err
		}
		out = append(out, strings.TrimSpace(text))
	}
	return strings.Join(out, " "), nil
}

func proveDiskError(ctx context.Context, t *tester) (string, bool, error) {
	t.text = "disk-error b vm write count 1"
	got, err := t.each(ctx, writeLetter("a", ""), "+"+t.text, writeLetter("b", ""), readLetter, writeLetter("c", ""), readLetter)
	return fmt.Sprintf("exit codes of writes, and what was read after them: %q", got), got == "0 1 a 0 c", err
}

// proveDiskLate does a fault that makes a read late by five seconds of the script, of which there are as many real ones here.
func proveDiskLate(fault string) func(context.Context, *tester) (string, bool, error) {
	return func(ctx context.Context, t *tester) (string, bool, error) {
		well, err := t.timed(ctx, "")
		if err != nil {
			return "", false, err
		}
		late, err := t.timed(ctx, fault)
		if err == nil {
			err = t.again(ctx, "disk-heal b vm")
		}
		return fmt.Sprintf("a read of %.1f s instead of %.1f s", late.Seconds(), well.Seconds()), late > 4500*time.Millisecond && late > well+2*time.Second, err
	}
}

// timed returns how long a read takes with a fault, or without one.
func (t *tester) timed(ctx context.Context, fault string) (time.Duration, error) {
	if fault != "" {
		if err := t.do(ctx, fault); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	_, err := t.on(ctx, "b", readLetter)
	return time.Since(start), err
}

func proveDiskFull(ctx context.Context, t *tester) (string, bool, error) {
	t.text = "disk-full b vm"
	got, err := t.each(ctx, writeLetter("a", ""), "+"+t.text, writeLetter("b", ""), readLetter, "+disk-heal b vm", writeLetter("c", ""), readLetter)
	return fmt.Sprintf("exit codes of writes, and what was read after them: %q", got), got == "0 1 a 0 c", err
}

func proveDiskCorrupt(ctx context.Context, t *tester) (string, bool, error) {
	t.text = "disk-corrupt b vm"
	got, err := t.each(ctx, writeLetter("a", "conv=fsync"), sumBlocks, "+"+t.text, sumBlocks)
	sums := strings.Fields(strings.ReplaceAll(got, "-", ""))
	ok := len(sums) == 3 && sums[1] != sums[2]
	return fmt.Sprintf("checksums before and after: %q", sums), ok, err
}

// proveDiskLies shows that what was flushed outlives the power, and what a disk that lies called flushed does not.
func proveDiskLies(ctx context.Context, t *tester) (string, bool, error) {
	t.text = "disk-lying-flush b vm"
	got := ""
	for _, fault := range []string{"", "+" + t.text} {
		steps := []string{writeLetter("a", "conv=fsync"), writeLetter("b", "conv=fsync"), "+power-off b lose-unsynced"}
		if fault != "" {
			steps = append([]string{steps[0], fault}, steps[1:]...)
		}
		codes, err := t.each(ctx, steps...)
		if err == nil {
			err = t.again(ctx, "power-on b")
		}
		if err == nil {
			err = t.up(ctx, "b")
		}
		if err != nil {
			return "", false, err
		}
		left, err := t.on(ctx, "b", readLetter)
		if err != nil {
			return "", false, err
		}
		got += codes + " " + left + ";"
	}
	err := t.again(ctx, "disk-heal b vm")
	return fmt.Sprintf("exit codes of flushed writes of a and b, and what is left without power, of a disk that is honest and one that lies: %q", got), got == "0 0 b;0 0 a;", err
}

func proveDiskHeal(ctx context.Context, t *tester) (string, bool, error) {
	t.text = "disk-heal b vm"
	got, err := t.each(ctx, "+disk-error b vm write", writeLetter("b", ""), "+"+t.text, writeLetter("c", ""), readLetter)
	return fmt.Sprintf("exit codes of writes while it fails and afterwards: %q", got), got == "1 0 c", err
}
