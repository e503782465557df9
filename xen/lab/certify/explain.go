package certify

import (
	"context"
	"fmt"
	"strings"
)

// lastWords is shell text that prints the end of what a driver's tools said on a host and, unless daemon is empty, which processes match
// it: their state, and how many seconds of a processor they took.
func lastWords(daemon string) string {
	text := "for f in /root/*.log; do [ ! -e $f ] || echo \"${f##*/} ends with: $(tail -n 4 $f)\"; done\n"
	if daemon == "" {
		return text
	}
	return processes + text + fmt.Sprintf(`for p in $(processes '%s'); do
	mapfile -d '' -t c </proc/$p/cmdline && s=$(</proc/$p/stat) || continue
	set -- ${s##*)}
	echo "${c[*]} runs, in state $1, and took $(((${12} + ${13}) / 100)) s of a processor"
done
`, daemon)
}

// explain takes down, for people, what the hosts have of a guest that nobody runs and what the driver's tools said last there.
func (r *run) explain(ctx context.Context) {
	for _, host := range r.pool.Hosts() {
		if !r.reachable(host) {
			continue
		}
		domains, err := r.askTwice(ctx, host)
		if err != nil {
			continue
		}
		lines := []string{"no domain of the guest"}
		for i, d := range domains {
			if i == 0 {
				lines = nil
			}
			lines = append(lines, fmt.Sprintf("domain %s is in state %s", d.Name, d.State))
		}
		if told, err := r.pool.Shell(ctx, host, lastWords(r.driver.Daemon())); err == nil && told != "" {
			lines = append(lines, strings.Split(told, "\n")...)
		}
		r.note("nobody runs the guest; host %s: %s", r.name(host), strings.Join(lines, "; "))
	}
}
