package agent

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
)

const greeting = "HOLDFAST-AGENT "

// multiplex returns the settings of yamux for a machine that may be paused, frozen or slow for any time: nothing here
// gives up because of a clock. Who waits sets deadlines himself.
func multiplex() *yamux.Config {
	c := yamux.DefaultConfig()
	c.EnableKeepAlive = false
	c.ConnectionWriteTimeout = time.Hour
	c.StreamOpenTimeout = 0
	c.StreamCloseTimeout = time.Hour
	c.LogOutput = io.Discard
	return c
}

// patience is how long the first greeting waits for its answer before another is sent. It doubles each time, so that
// a server that is merely slow is not interrupted for ever.
const patience = 500 * time.Millisecond

// greet opens the talk on the lab's side. A greeting can be lost when the server did not notice yet that an earlier
// talk has ended; it is then sent again, and only the answer to the newest counts.
func greet(conn io.ReadWriter) error {
	g := &greeter{conn: conn}
	if err := g.send(patience); err != nil {
		return err
	}
	defer g.stop()
	var seen []byte
	var b [1]byte
	for {
		if _, err := io.ReadFull(conn, b[:]); err != nil {
			return err
		}
		// The answer may follow directly upon remains of an earlier talk, without a line break.
		if seen = append(seen, b[0]); b[0] == '\n' {
			if g.isNewest(seen) {
				return nil
			}
			seen = seen[:0]
		}
		if len(seen) > 4096 {
			seen = append(seen[:0], seen[len(seen)-64:]...)
		}
	}
}

// greeter sends greetings until it is stopped.
type greeter struct {
	conn io.Writer

	mu     sync.Mutex
	newest string
	timer  *time.Timer
	done   bool
}

func (g *greeter) send(next time.Duration) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.done {
		return nil
	}
	var number [8]byte
	if _, err := rand.Read(number[:]); err != nil {
		return err
	}
	g.newest = greeting + hex.EncodeToString(number[:]) + "\n"
	g.timer = time.AfterFunc(next, func() { _ = g.send(2 * next) }) // an error shows in reading as well
	_, err := io.WriteString(g.conn, g.newest)
	return err
}

// isNewest reports whether text ends with the newest greeting; if so, no other is sent any more.
func (g *greeter) isNewest(text []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done = bytes.HasSuffix(text, []byte(g.newest))
	return g.done
}

func (g *greeter) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done = true
	g.timer.Stop()
}

// skipTo reads up to the end of the first occurrence of want.
func skipTo(r io.Reader, want string) error {
	var seen []byte
	var b [1]byte
	for {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		seen = append(seen, b[0])
		if strings.HasSuffix(string(seen), want) {
			return nil
		}
		if len(seen) > 4*len(want) {
			seen = append(seen[:0], seen[len(seen)-len(want):]...)
		}
	}
}

// answer waits for a greeting on the server's side and answers it. It reads nothing beyond the greeting.
func answer(conn io.ReadWriter) error {
	if err := skipTo(conn, greeting); err != nil {
		return err
	}
	number, err := bufio.NewReaderSize(oneByte{conn}, 16).ReadString('\n')
	if err != nil {
		return err
	}
	if i := strings.LastIndex(number, greeting); i >= 0 {
		number = number[i+len(greeting):] // an earlier greeting was cut off, and this one follows it
	}
	if len(number) != 17 {
		return fmt.Errorf("%w: greeting with %q", ErrProtocol, number)
	}
	_, err = io.WriteString(conn, greeting+number)
	return err
}

// oneByte reads a byte at a time, so that a buffer above it takes no more than it needs.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }
