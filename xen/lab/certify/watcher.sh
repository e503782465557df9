#!/bin/sh
# watcher SECONDS RESOURCE CONFIG ADDRESS…
#
# Runs on the second host. When the first host has answered on none of its addresses for SECONDS, the second one takes
# over: it makes its copy of the disk the primary one, whatever the other host thinks, and starts the guest.
# There is no fencing and no witness: a first host that lives and is only not heard goes on as well.
seconds=$1 resource=$2 config=$3
shift 3

now() { cut -d. -f1 /proc/uptime; }

last=$(now)
while [ $(($(now) - last)) -lt "$seconds" ]; do
	for address; do
		if ping -c 1 -W 1 "$address" >/dev/null 2>&1; then
			last=$(now)
			break
		fi
	done
	sleep 0.5
done

echo "$(now): not heard since $last, taking over"
# It is refused as long as DRBD still believes in its connection.
until drbdadm primary --force "$resource"; do sleep 0.5; done
name=$(basename "$config" .cfg)
until xl create "$config"; do
	xl destroy "$name" # what a failed creation left
	sleep 0.5
done
echo "$(now): $name was started"
