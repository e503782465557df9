package agent

import (
	"crypto/aes"
	"crypto/cipher"
	"hash/crc32"
	"time"
)

// selfTest computes the same thing again and again for about so long, and counts results that differ from the
// expected one. Encryption with the processor's AES instructions, and floating point, hold their state in SIMD
// registers: exactly what an emulator or hypervisor loses that saves and restores them wrongly when it switches
// between dom0 and guests.
// It computes half of the time only, so that the guest gets its share of the processor, and dom0 is switched in and
// out more often.
func selfTest(d time.Duration) (rounds, wrong int) {
	for end := time.Now().Add(d); rounds == 0 || time.Now().Before(end); rounds++ {
		start := time.Now()
		if testRound() != testWant {
			wrong++
		}
		time.Sleep(time.Since(start))
	}
	return rounds, wrong
}

// A testResult is what one round comes to.
type testResult struct {
	Sum   uint32
	Chaos float64
}

// testWant was computed on real hardware; a test compares it.
var testWant = testResult{Sum: 0x1585568c, Chaos: 0.9071294375758026}

func testRound() testResult {
	block, err := aes.NewCipher([]byte("holdfast selftes"))
	if err != nil {
		panic("agent: " + err.Error()) // the key has a legal length
	}
	data := make([]byte, 256<<10)
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(data, data)
	// The logistic map doubles an error in every step.
	x := 0.3
	for range 200_000 {
		y := 1 - x
		x = float64(3.99*x) * y
	}
	return testResult{crc32.ChecksumIEEE(data), x}
}
