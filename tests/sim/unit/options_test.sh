#!/usr/bin/env bash
# What the command line sets and no plugin knows is refused, with a hint; what --help shows is accepted. Argument: chronik-sim.
set -euo pipefail
sim=$1
refused() {  # <text> <arguments>...
  local status=0 output
  output=$("$sim" --seconds 1 "${@:2}" 2>&1) || status=$?
  [[ $status == 64 && $output == *"$1"* ]] || { printf '%s: exit code %s: %s\n' "${*:2}" "$status" "$output"; exit 1; }
}
refused 'no plugin of this run has this key' --set nosuch.key=1
refused 'no plugin of this run has this key' --set retry.nosuch=1
refused 'did you mean raft.heartbeat_interval?' --set raft.heartbeat_intervall=100ms
refused 'has no unit' --set raft.heartbeat_interval=100
refused 'no plugin of this run has this key' --workload log --set metadata.snapshot_entries=3
example=$("$sim" --help | grep -oP 'such as \K\S+=\S+')
"$sim" --seconds 1 --faults none --set "$example" >/dev/null
