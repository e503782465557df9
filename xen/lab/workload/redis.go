package workload

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Redis is a Redis server, as Debian has it: keys are strings. The guest runs it with appendfsync always, so that what
// it answered is on its disk.
type Redis struct{}

// Name returns "redis".
func (Redis) Name() string { return "redis" }

// cas swaps in one step: Redis runs a script alone and whole.
const cas = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0`

// Open connects and waits until the server has read its data.
func (Redis) Open(ctx context.Context, dial Dial) (Session, error) {
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &redisSession{conn: conn}
	once := onlyOne(conn)
	s.client = redis.NewClient(&redis.Options{
		Dialer:   func(context.Context, string, string) (net.Conn, error) { return once() },
		Protocol: 2, DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		PoolSize: 1, MaxRetries: -1, DialerRetries: 1, // nothing is asked twice
		ReadTimeout: -2, WriteTimeout: -2, // the end of a context closes the connection instead
	})
	err = s.do(ctx, func() error { return s.client.Ping(ctx).Err() })
	if err == nil {
		err = s.do(ctx, func() error {
			text, err := s.client.Info(ctx, "server").Result()
			s.boot = runID(text)
			return err
		})
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// runID returns what names a start of the server in what INFO says.
func runID(info string) string {
	for line := range strings.Lines(info) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "run_id:"); ok {
			return id
		}
	}
	return ""
}

// onlyOne returns a function that gives conn away once: a library that connects again by itself finds nobody.
func onlyOne(conn net.Conn) func() (net.Conn, error) {
	given := false
	return func() (net.Conn, error) {
		if given {
			return nil, net.ErrClosed
		}
		given = true
		return conn, nil
	}
}

type redisSession struct {
	conn   net.Conn
	client *redis.Client
	boot   string
}

// Boot implements Booted: a server that is started draws a name.
func (s *redisSession) Boot() string { return s.boot }

// do runs an operation until ctx ends. A reply that is an error means that nothing was done: every operation here is
// one command, and the script changes nothing before its last step.
func (s *redisSession) do(ctx context.Context, operation func() error) error {
	defer context.AfterFunc(ctx, func() { s.conn.Close() })()
	err := operation()
	var answered redis.Error
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &answered):
		return fmt.Errorf("%w: %w", ErrNotDone, err)
	}
	return err
}

func (s *redisSession) Read(ctx context.Context, key string) (value string, found bool, err error) {
	err = s.do(ctx, func() error {
		value, err = s.client.Get(ctx, key).Result()
		return err
	})
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	return value, err == nil, err
}

func (s *redisSession) Write(ctx context.Context, key, value string) error {
	return s.do(ctx, func() error { return s.client.Set(ctx, key, value, 0).Err() })
}

func (s *redisSession) Cas(ctx context.Context, key, old, new string) (swapped bool, err error) {
	err = s.do(ctx, func() error {
		n, err := s.client.Eval(ctx, cas, []string{key}, old, new).Int()
		swapped = n == 1
		return err
	})
	return swapped && err == nil, err
}

func (s *redisSession) Close() error { return errors.Join(s.client.Close(), s.closeConn()) }

// closeConn closes the connection if the library did not have or close it.
func (s *redisSession) closeConn() error {
	if err := s.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
