package workload

import (
	"context"
	"errors"
	"net"
)

// Dial connects with the service's port of the guest. The connection is its caller's.
type Dial func(ctx context.Context) (net.Conn, error)

// Service is a program that a guest runs, as a client uses it.
type Service interface {
	// Name of the service, in small letters: registers, redis, postgres.
	Name() string
	// Open connects and returns when operations can be made. Its error means that nothing was done.
	Open(ctx context.Context, dial Dial) (Session, error)
}

// Session is one client's connection with a service. Its methods are called one at a time. Keys are decimal numbers
// from 0 on; values are decimal integers from 1 on.
//
// An operation must be executed at most once: an implementation must not repeat one whose answer did not come, nor
// let a library do so. An error for which errors.Is(err, ErrNotDone) holds says that the operation certainly did not happen and
// never will; after any other error nobody knows. After an error the session is closed and not used again, unless
// the error is ErrNotDone. The end of ctx ends an operation with an error.
type Session interface {
	// Read returns the value of a key; found is false for a key without one.
	Read(ctx context.Context, key string) (value string, found bool, err error)
	// Write gives a key a value.
	Write(ctx context.Context, key, value string) error
	// Cas gives a key the value new if it has the value old. swapped is false if it has another one, or none.
	Cas(ctx context.Context, key, old, new string) (swapped bool, err error)
	// Close ends the connection at once.
	Close() error
}

// Booted is a Session that knows which start of the guest it is connected with. The name changes exactly if the guest
// lost its memory.
type Booted interface{ Boot() string }

// ErrNotDone says that an operation certainly did not happen.
var ErrNotDone = errors.New("the operation was not done")
