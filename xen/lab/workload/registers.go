package workload

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"holdfast/xen/lab/service"
)

// Registers is the lab's own service, package xen/lab/service. A register that was never written has the value 0
// there; here it has none.
type Registers struct{}

// Name returns "registers".
func (Registers) Name() string { return "registers" }

// Open connects. The service has no greeting: what shows that it works is the first answer.
func (Registers) Open(ctx context.Context, dial Dial) (Session, error) {
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &registers{conn: conn, client: service.NewClient(conn)}
	info, err := s.do(ctx, service.Request{Op: service.Info})
	if err != nil {
		conn.Close()
		return nil, err
	}
	for word := range strings.FieldsSeq(info.Text) {
		if boot, ok := strings.CutPrefix(word, "boot="); ok {
			s.boot = boot
		}
	}
	return s, nil
}

type registers struct {
	conn   net.Conn
	client *service.Client
	boot   string
}

// Boot implements Booted.
func (s *registers) Boot() string { return s.boot }

// do makes a request and waits for its answer until ctx ends.
func (s *registers) do(ctx context.Context, r service.Request) (service.Reply, error) {
	defer context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })()
	reply, err := s.client.Do(r)
	switch {
	case errors.Is(err, service.ErrRequest):
		err = fmt.Errorf("%w: %w", ErrNotDone, err)
	case err != nil && ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return reply, err
}

// request makes a request of texts; what is no number was certainly not asked for.
func request(op service.Op, key, old, new string) (service.Request, error) {
	r := service.Request{Op: op}
	var err error
	parse := func(text string) int64 {
		n, e := strconv.ParseInt(text, 10, 64)
		if e != nil {
			err = fmt.Errorf("%w: %w", ErrNotDone, e)
		}
		return n
	}
	r.Key, r.Old, r.New = int(parse(key)), parse(old), parse(new)
	return r, err
}

func (s *registers) Read(ctx context.Context, key string) (string, bool, error) {
	r, err := request(service.Read, key, "0", "0")
	if err != nil {
		return "", false, err
	}
	reply, err := s.do(ctx, r)
	return strconv.FormatInt(reply.Value, 10), reply.Value != 0, err
}

func (s *registers) Write(ctx context.Context, key, value string) error {
	r, err := request(service.Write, key, "0", value)
	if err == nil {
		_, err = s.do(ctx, r)
	}
	return err
}

func (s *registers) Cas(ctx context.Context, key, old, new string) (bool, error) {
	r, err := request(service.CAS, key, old, new)
	if err != nil {
		return false, err
	}
	reply, err := s.do(ctx, r)
	return !reply.Refused, err
}

func (s *registers) Close() error { return s.conn.Close() }
