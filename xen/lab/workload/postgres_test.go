package workload

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"
)

// postgresServer speaks PostgreSQL's protocol and knows the statements of a session.
type postgresServer struct {
	mu         sync.Mutex
	values     map[string]string
	statements int
	// fail, if not nil, is what the server answers to a statement; silent has it answer nothing.
	fail   *pgproto3.ErrorResponse
	silent bool
	// refuse is the answer to a new connection.
	refuse *pgproto3.ErrorResponse
	// startup is how the last connection began.
	startup *pgproto3.StartupMessage
}

// answerBy sets what is answered to statements from now on.
func (s *postgresServer) answerBy(fail *pgproto3.ErrorResponse, silent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.silent = fail, silent
}

// came returns how many statements came.
func (s *postgresServer) came() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.statements
}

func (s *postgresServer) dial(context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	go s.serve(far)
	return near, nil
}

func (s *postgresServer) serve(conn net.Conn) {
	defer conn.Close()
	b := pgproto3.NewBackend(conn, conn)
	m, err := b.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if startup, ok := m.(*pgproto3.StartupMessage); ok {
		s.mu.Lock()
		s.startup = startup
		s.mu.Unlock()
	}
	if s.refuse != nil {
		b.Send(s.refuse)
		_ = b.Flush()
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	var statement string
	var arguments []string
	for b.Flush() == nil {
		m, err := b.Receive()
		if err != nil {
			return
		}
		switch m := m.(type) {
		case *pgproto3.Parse:
			statement = m.Query
		case *pgproto3.Bind:
			arguments = nil
			for _, p := range m.Parameters {
				arguments = append(arguments, string(p))
			}
		case *pgproto3.Sync:
			if !s.execute(b, statement, arguments) {
				return
			}
		}
	}
}

// execute answers a statement; false ends the connection.
func (s *postgresServer) execute(b *pgproto3.Backend, statement string, a []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if statement != postgresBoot {
		s.statements++
	}
	if s.silent {
		return true
	}
	if s.fail != nil {
		b.Send(s.fail)
		if s.fail.SeverityUnlocalized == "FATAL" {
			_ = b.Flush()
			return false
		}
		b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		return true
	}
	b.Send(&pgproto3.ParseComplete{})
	b.Send(&pgproto3.BindComplete{})
	tag, value, found := "", "", false
	switch statement {
	case postgresRead, postgresBoot:
		if value, found = "2026-11-22 10:00:00", true; statement == postgresRead {
			value, found = s.values[a[0]]
		}
		b.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("value"), DataTypeOID: 25, DataTypeSize: -1, TypeModifier: -1}}})
		if tag = "SELECT 0"; found {
			b.Send(&pgproto3.DataRow{Values: [][]byte{[]byte(value)}})
			tag = "SELECT 1"
		}
	case postgresWrite:
		s.values[a[0]] = a[1]
		b.Send(&pgproto3.NoData{})
		tag = "INSERT 0 1"
	case postgresCas:
		b.Send(&pgproto3.NoData{})
		if tag = "UPDATE 0"; s.values[a[0]] == a[1] {
			s.values[a[0]] = a[2]
			tag = "UPDATE 1"
		}
	}
	b.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	return true
}

func openPostgres(t *testing.T, s *postgresServer) Session {
	s.values = map[string]string{}
	session, err := Postgres{}.Open(t.Context(), s.dial)
	require.NoError(t, err)
	t.Cleanup(func() { session.Close() })
	return session
}

func TestPostgres(t *testing.T) {
	s := &postgresServer{}
	session := openPostgres(t, s)
	require.Equal(t, "2026-11-22 10:00:00", session.(Booted).Boot())
	operations(t, session)
	require.Equal(t, 6, s.came(), "one for each operation")
}

func TestPostgresErrors(t *testing.T) {
	serverError := func(severity, code string) *pgproto3.ErrorResponse {
		return &pgproto3.ErrorResponse{Severity: severity, SeverityUnlocalized: severity, Code: code, Message: "no"}
	}
	for name, c := range map[string]struct {
		fail    *pgproto3.ErrorResponse
		notDone bool
	}{
		"refused":                            {serverError("ERROR", "53100"), true},
		"the server does not know":           {serverError("ERROR", "40003"), false},
		"ended by an administrator":          {serverError("FATAL", "57P01"), false},
		"no answer before the context's end": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &postgresServer{}
			session := openPostgres(t, s)
			s.answerBy(c.fail, c.fail == nil)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			err := session.Write(ctx, "1", "7")
			require.Error(t, err)
			if !c.notDone {
				require.NotErrorIs(t, err, ErrNotDone)
				require.Equal(t, 1, s.came(), "it was not sent again")
				return
			}
			require.ErrorIs(t, err, ErrNotDone)
			s.answerBy(nil, false)
			require.NoError(t, session.Write(t.Context(), "1", "8"), "the session can be used on")
		})
	}
}

func TestPostgresStillStarts(t *testing.T) {
	s := &postgresServer{refuse: &pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: "57P03", Message: "the database system is starting up"}}
	_, err := Postgres{}.Open(t.Context(), s.dial)
	require.ErrorContains(t, err, "starting up")
}

// What whoever runs the lab has set for other servers changes nothing.
func TestPostgresIgnoresTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"PGHOST": "elsewhere", "PGPORT": "1,2", "PGUSER": "somebody", "PGDATABASE": "other", "PGOPTIONS": "-c synchronous_commit=off",
		"PGAPPNAME": "app", "PGTZ": "UTC", "PGSSLMODE": "require", "PGSSLNEGOTIATION": "direct", "PGTARGETSESSIONATTRS": "read-only",
		"PGCHANNELBINDING": "require", "PGREQUIREAUTH": "scram-sha-256", "PGMINPROTOCOLVERSION": "3.2", "PGCONNECT_TIMEOUT": "soon", "PGSSLCERTMODE": "perhaps",
	} {
		t.Setenv(name, value)
	}
	s := &postgresServer{values: map[string]string{}}
	session, err := Postgres{}.Open(t.Context(), s.dial)
	require.NoError(t, err)
	require.NoError(t, session.Write(t.Context(), "0", "1"))
	require.NoError(t, session.Close())
	require.Equal(t, map[string]string{"user": "postgres", "database": "postgres"}, s.startup.Parameters)
	require.Equal(t, uint32(pgproto3.ProtocolVersion30), s.startup.ProtocolVersion)

	t.Setenv("PGSERVICE", "nowhere")
	_, err = Postgres{}.Open(t.Context(), s.dial)
	require.ErrorContains(t, err, "PG* variables")
}
