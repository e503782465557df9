package workload

import "fmt"

// Services returns all services.
func Services() []Service { return []Service{Registers{}, Redis{}, Postgres{}} }

// Named returns the service of a name; the empty name is that of the registers.
func Named(name string) (Service, error) {
	for _, s := range Services() {
		if s.Name() == name || name == "" {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no client for a service %q", name)
}
