package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Numbered packets show what a network does to them:
//
//	init packets receive PORT                   prints what it saw, as JSON, when nothing comes any more
//	init packets send ADDRESS:PORT N BYTES      sends N packets
const (
	packetPause = 2 * time.Millisecond // between two packets: the network must not drop what it could carry
	packetQuiet = 4 * time.Second      // after which nothing more is expected
)

func runPackets(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "receive":
		return receivePackets(":" + args[1])
	case len(args) == 4 && args[0] == "send":
		n, err := strconv.Atoi(args[2])
		size, e := strconv.Atoi(args[3])
		if err = errors.Join(err, e); err != nil {
			return err
		}
		return sendPackets(args[1], n, max(size, 8))
	}
	return errors.New("usage: init packets receive PORT | send ADDRESS:PORT N BYTES")
}

func sendPackets(to string, n, size int) error {
	conn, err := net.Dial("udp4", to)
	if err != nil {
		return err
	}
	defer conn.Close()
	packet := make([]byte, size)
	for i := range n {
		binary.LittleEndian.PutUint64(packet, uint64(i))
		if _, err := conn.Write(packet); err != nil {
			return err
		}
		time.Sleep(packetPause)
	}
	return nil
}

// arrivals is what came.
type arrivals struct {
	Received, Duplicates, Late, BadSums int
	SpreadMS                            int64
}

func receivePackets(at string) error {
	conn, err := net.ListenPacket("udp4", at)
	if err != nil {
		return err
	}
	defer conn.Close()
	sums, err := badSums()
	if err != nil {
		return err
	}
	var a arrivals
	seen := map[uint64]bool{}
	var first, last time.Time
	newest := int64(-1)
	buffer := make([]byte, 65536)
	limit := time.Now().Add(time.Minute) // for the first one
	for {
		if err := conn.SetReadDeadline(limit); err != nil {
			return err
		}
		n, _, err := conn.ReadFrom(buffer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil || n < 8 {
			return fmt.Errorf("a packet of %d bytes: %w", n, err)
		}
		if last = time.Now(); first.IsZero() {
			first = last
		}
		limit = last.Add(packetQuiet)
		number := binary.LittleEndian.Uint64(buffer)
		switch {
		case seen[number]:
			a.Duplicates++
			continue
		case int64(number) < newest:
			a.Late++
		}
		newest = max(newest, int64(number))
		seen[number] = true
		a.Received++
	}
	after, err := badSums()
	if err != nil {
		return err
	}
	a.BadSums, a.SpreadMS = after-sums, last.Sub(first).Milliseconds()
	return json.NewEncoder(os.Stdout).Encode(a)
}

// badSums returns how many packets the kernel has dropped because of a wrong checksum of IPv4 or UDP.
func badSums() (sum int, err error) {
	text, err := os.ReadFile("/proc/net/snmp")
	if err != nil {
		return 0, err
	}
	names := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		kind, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if names[kind] == nil {
			names[kind] = fields
			continue
		}
		for i, value := range fields {
			if i < len(names[kind]) && (kind == "Udp" && names[kind][i] == "InCsumErrors" || kind == "Ip" && names[kind][i] == "InHdrErrors") {
				n, err := strconv.Atoi(value)
				if err != nil {
					return 0, err
				}
				sum += n
			}
		}
	}
	return sum, nil
}
