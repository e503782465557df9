package service

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxLine is the longest line of the protocol, in bytes without its end.
const maxLine = 256

// Op is what a request asks for.
type Op string

// The operations.
const (
	Read  Op = "read"
	Write Op = "write"
	CAS   Op = "cas"
	Info  Op = "info"
)

// arguments is the number of arguments of each operation, the key included.
var arguments = map[Op]int{Read: 1, Write: 2, CAS: 3, Info: 0}

// Request is one operation.
type Request struct {
	// ID is chosen by the client and repeated in the reply.
	ID uint64
	Op Op
	// Key is from 0 to Keys−1.
	Key int
	// Old is what CAS expects, New what Write and CAS store.
	Old, New int64
}

// String returns the request as a line without its end.
func (r Request) String() string {
	switch r.Op {
	case Read:
		return fmt.Sprint(r.ID, " read ", r.Key)
	case Write:
		return fmt.Sprint(r.ID, " write ", r.Key, " ", r.New)
	case CAS:
		return fmt.Sprint(r.ID, " cas ", r.Key, " ", r.Old, " ", r.New)
	}
	return fmt.Sprint(r.ID, " ", r.Op)
}

// ErrRequest is returned for a line that is no request, and by Client for one that the service did not understand.
var ErrRequest = errors.New("bad request")

// ParseRequest reads a line. The ID is right even with an error, if the line begins with a number.
func ParseRequest(line string) (r Request, err error) {
	f := strings.Split(line, " ")
	if r.ID, err = strconv.ParseUint(f[0], 10, 64); err != nil {
		return r, fmt.Errorf("%w: it begins with no number", ErrRequest)
	}
	if len(f) < 2 {
		return r, fmt.Errorf("%w: no operation", ErrRequest)
	}
	r.Op = Op(f[1])
	n, ok := arguments[r.Op]
	if !ok {
		return r, fmt.Errorf("%w: unknown operation %q", ErrRequest, f[1])
	}
	if len(f)-2 != n {
		return r, fmt.Errorf("%w: %s has %d arguments, found %d", ErrRequest, r.Op, n, len(f)-2)
	}
	values := make([]int64, n)
	for i, word := range f[2:] {
		if values[i], err = strconv.ParseInt(word, 10, 64); err != nil {
			return r, fmt.Errorf("%w: %q is no integer of 64 bits", ErrRequest, word)
		}
	}
	if n > 0 && (values[0] < 0 || values[0] >= Keys) {
		return r, fmt.Errorf("%w: key %d is not from 0 to %d", ErrRequest, values[0], Keys-1)
	}
	switch r.Op {
	case Write:
		r.New = values[1]
	case CAS:
		r.Old, r.New = values[1], values[2]
	}
	if n > 0 {
		r.Key = int(values[0])
	}
	return r, nil
}
