package workload

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Postgres is a PostgreSQL server, as Debian has it: keys are the rows of the table registers, which the guest makes
// when it starts for the first time. It runs with fsync and synchronous_commit on.
type Postgres struct{}

// Name returns "postgres".
func (Postgres) Name() string { return "postgres" }

// The operations. In the isolation level "read committed", which is PostgreSQL's default, each is atomic: an UPDATE
// that waited for another one looks at the row again.
const (
	postgresRead  = `SELECT value FROM registers WHERE key = $1`
	postgresWrite = `INSERT INTO registers (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value`
	postgresBoot  = `SELECT pg_postmaster_start_time()::text`
	postgresCas   = `UPDATE registers SET value = $3 WHERE key = $1 AND value = $2`
)

// postgresURL names all settings that decide whether a connection comes about and what an answer means: the library takes what
// is missing from PG* variables of whoever runs the lab.
const postgresURL = "postgres://postgres:none@guest:5432/postgres?sslmode=disable&sslnegotiation=postgres&target_session_attrs=any" +
	"&channel_binding=disable&require_auth=&min_protocol_version=3.0&max_protocol_version=3.0&sslcertmode=disable&connect_timeout=0"

// Open connects; it fails while the server starts or recovers. Of PG* variables only PGSERVICE has an effect, if it names no service:
// then it fails as well.
func (Postgres) Open(ctx context.Context, dial Dial) (Session, error) {
	c, err := pgx.ParseConfig(postgresURL)
	if err != nil {
		return nil, fmt.Errorf("settings of the client of PostgreSQL, PG* variables included: %w", err)
	}
	c.RuntimeParams = nil // such as PGOPTIONS, with which answers could come before writes are durable
	conn, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	once := onlyOne(conn)
	c.DialFunc = func(context.Context, string, string) (net.Conn, error) { return once() }
	c.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"guest"}, nil }
	c.DefaultQueryExecMode = pgx.QueryExecModeExec // no statement is prepared that could be prepared again
	pg, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		conn.Close()
		return nil, err
	}
	s := &postgresSession{pg: pg, conn: conn}
	if err := pg.QueryRow(ctx, postgresBoot).Scan(&s.boot); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

type postgresSession struct {
	pg   *pgx.Conn
	conn net.Conn
	boot string
}

// Boot implements Booted: no two starts of the server are at the same instant.
func (s *postgresSession) Boot() string { return s.boot }

// completionUnknown is the SQLSTATE statement_completion_unknown.
const completionUnknown = "40003"

// outcome says of an error whether the operation was certainly not done. That is so when the server refused the
// statement, which is a transaction of its own, and went on: an error that ends the connection may come after the commit.
func (s *postgresSession) outcome(ctx context.Context, err error) error {
	var refused *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &refused) && refused.SeverityUnlocalized == "ERROR" && refused.Code != completionUnknown && !s.pg.IsClosed():
		return fmt.Errorf("%w: %w", ErrNotDone, err)
	}
	return err
}

func (s *postgresSession) Read(ctx context.Context, key string) (value string, found bool, err error) {
	err = s.pg.QueryRow(ctx, postgresRead, key).Scan(&value)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	return value, err == nil, s.outcome(ctx, err)
}

func (s *postgresSession) Write(ctx context.Context, key, value string) error {
	_, err := s.pg.Exec(ctx, postgresWrite, key, value)
	return s.outcome(ctx, err)
}

func (s *postgresSession) Cas(ctx context.Context, key, old, new string) (swapped bool, err error) {
	tag, err := s.pg.Exec(ctx, postgresCas, key, old, new)
	return err == nil && tag.RowsAffected() == 1, s.outcome(ctx, err)
}

// Close ends the connection without a farewell, for which the server might have to be waited for.
func (s *postgresSession) Close() error {
	err := s.conn.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // the library did it after an error
	}
	return err
}
