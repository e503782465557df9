package main

import (
	"encoding/json"
	"net"
	"os"
	"strconv"
	"time"

	"holdfast/xen/lab/service"
)

// connectWait is how long the client tries to reach the service: the guest may still boot.
const connectWait = 2 * time.Minute

// runClient makes n writes and reads, checks the answers, and prints what it saw as JSON.
func runClient(address, count string) error {
	n, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	start := time.Now()
	conn, err := connect(address)
	if err != nil {
		return err
	}
	defer conn.Close()
	waited := time.Since(start)
	load, err := service.NewClient(conn).Load(n, time.Now().UnixNano())
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(struct {
		service.Load
		WaitedMS int64
	}{load, waited.Milliseconds()})
}

// connect tries until somebody answers.
func connect(address string) (net.Conn, error) {
	for end := time.Now().Add(connectWait); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil || time.Now().After(end) {
			return conn, err
		}
	}
}
