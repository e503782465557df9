package workload

import (
	"fmt"
	"strings"
)

// Services returns all services.
func Services() []Service { return []Service{Registers{}, Redis{}, Postgres{}} }

// Named returns the service of a name; the empty name is that of the registers.
func Named(name string) (Service, error) {
	var names []string
	for _, s := range Services() {
		if s.Name() == name || name == "" {
			return s, nil
		}
		names = append(names, s.Name())
	}
	return nil, fmt.Errorf("no client for a service %q; the services are %s", name, strings.Join(names, ", "))
}
