package scenarios

import (
	"regexp"
	"strconv"
	"strings"

	"holdfast/engine/model"
	"holdfast/faults"
	"holdfast/scenarios/script"
)

// members returns whom a role means now.
func (r *run) members(role faults.Role) []model.NodeID {
	var id model.NodeID
	switch role.Kind {
	case faults.RoleNone:
		return nil
	case faults.RoleAll:
		all := make([]model.NodeID, len(r.script.Hosts))
		for i := range all {
			all[i] = model.NodeID(i + 1)
		}
		return all
	case faults.RoleSite:
		var there []model.NodeID
		for i := range r.script.Hosts {
			if r.script.Hosts[i].Site == role.Name {
				there = append(there, model.NodeID(i+1))
			}
		}
		return there
	case faults.RoleWitness:
		id = r.world.Member(r.script.Witness.Name)
	case faults.RolePrimary:
		id = r.primary(role.Name)
	case faults.RoleSecondary:
		id = r.secondary(role.Name)
	default:
		bound, ok := r.names[role.Name]
		if id = bound; !ok {
			id = r.world.Member(role.Name)
		}
		if id == model.NoNode {
			r.fail("expect", "nobody is bound to %q when an action needs it", role.Name)
			return nil
		}
	}
	if hosts := model.NodeID(len(r.script.Hosts)); role.Other && id != model.NoNode && id <= hosts {
		id = hosts + 1 - id // pools of two hosts only
	} else if role.Other {
		id = model.NoNode // a name that was bound to the witness
	}
	if id == model.NoNode {
		r.fail("expect", "%s is nobody when an action needs it", role)
		return nil
	}
	return []model.NodeID{id}
}

func (r *run) vm(name string) *script.VM {
	for i := range r.script.VMs {
		if r.script.VMs[i].Name == name {
			return &r.script.VMs[i]
		}
	}
	return nil
}

// primary returns the host that runs the VM by the newest committed configuration.
func (r *run) primary(vm string) model.NodeID {
	if cfg := r.world.Config(r.world.VM(vm)); cfg.Gen != 0 {
		return cfg.Primary
	}
	return r.world.Member(r.vm(vm).Home)
}

// secondary returns the other home of the VM by the newest committed configuration.
func (r *run) secondary(vm string) model.NodeID {
	if cfg := r.world.Config(r.world.VM(vm)); cfg.Gen != 0 {
		return cfg.Homes.Other(cfg.Primary)
	}
	return r.world.Member(r.vm(vm).Second)
}

// name returns what the script calls a member.
func (r *run) name(id model.NodeID) string {
	switch {
	case id == model.NoNode:
		return "nobody"
	case int(id) <= len(r.script.Hosts):
		return r.script.Hosts[id-1].Name
	}
	return r.script.Witness.Name
}

// numbered are words of the engine that call a host or a VM by its number.
var numbered = regexp.MustCompile(`\b(host|VM) ([0-9]+)\b`)

// named puts the names of the script in the place of the engine's numbers.
func (r *run) named(text string) string {
	return numbered.ReplaceAllStringFunc(text, func(words string) string {
		kind, digits, _ := strings.Cut(words, " ")
		n, err := strconv.Atoi(digits)
		switch {
		case err != nil || n == 0:
		case kind == "host" && n <= len(r.script.Hosts):
			return "host " + r.script.Hosts[n-1].Name
		case kind == "VM" && n <= len(r.script.VMs):
			return "VM " + r.script.VMs[n-1].Name
		}
		return words
	})
}

// memberCount returns the number of members of the pool.
func (r *run) memberCount() model.NodeID {
	n := model.NodeID(len(r.script.Hosts))
	if r.script.Witness.Name != "" {
		n++
	}
	return n
}
