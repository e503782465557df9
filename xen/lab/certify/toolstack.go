package certify

import (
	"context"
	"fmt"

	"holdfast/faults"
)

// The toolstack fails in a wrapper around xl: hosts run what they always run, and find it in its place. The wrapper reads what
// it shall do from files in /run/xl, and does nothing but to hand on when there are none.
const wrapper = `#!/bin/sh
real=/usr/lib/xen-4.17/bin/xl
case " $* " in *" create "*|*" migrate-receive "*|*" restore "*) ;; *) exec $real "$@" ;; esac
while [ -e /run/xl/hang ]; do sleep 0.2; done
# take NAME: one of the times that are left in a file, if there are any
take() {
	n=$(cat /run/xl/$1 2>/dev/null || echo 0)
	[ "$n" -gt 0 ] && echo $((n - 1)) >/run/xl/$1
}
if take error; then echo "xl: failed as it was told" >&2; exit 1; fi
case " $* " in *" create "*) if take half; then $real "$@" -p; echo "xl: failed halfway as it was told" >&2; exit 1; fi ;; esac
exec $real "$@"
`

// installWrapper puts the wrapper into the place of xl. It may be there already: a boot removes it.
func (r *run) installWrapper(ctx context.Context, host string) error {
	if err := r.pool.Put(ctx, host, "/run/xl/wrapper", wrapper); err != nil {
		return err
	}
	_, err := r.pool.Shell(ctx, host, "ln -sf /run/xl/wrapper /usr/sbin/xl")
	return err
}

// toolstack does a fault of the toolstack on a host that can be reached, and returns what ends it.
func (r *run) toolstack(ctx context.Context, f faults.Fault, host string) (end func(context.Context) error, err error) {
	if err := r.installWrapper(ctx, host); err != nil {
		return nil, err
	}
	text := "touch /run/xl/hang"
	switch f.Kind {
	case faults.ToolstackError:
		text = fmt.Sprintf("echo %d > /run/xl/error", f.Count)
	case faults.HalfCreate:
		text = fmt.Sprintf("echo %d > /run/xl/half", f.Count)
	}
	_, err = r.pool.Shell(ctx, host, text)
	return r.onThisBoot(host, func(ctx context.Context) error { return r.healToolstack(ctx, host) }), err
}

// healToolstack makes a host's toolstack well.
func (r *run) healToolstack(ctx context.Context, host string) error {
	if !r.reachable(host) {
		return nil
	}
	_, err := r.pool.Shell(ctx, host, "rm -f /run/xl/hang /run/xl/error /run/xl/half")
	return err
}
