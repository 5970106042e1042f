#!/usr/bin/env bash
# A failing seed shrinks, and the line that is printed shows the same failure again. Argument: chronik-sim.
set -euo pipefail
sim=$1
output=$("$sim" --seeds 1..20 --seconds 30 --quiet --workload log --mutant sync-stubbed || true)
grep -E '^shrunk from [0-9]+ faults to [0-9]+ ' <<<"$output"
line=$(grep '^replay: chronik-sim ' <<<"$output" | tail -1)
[[ $line == *--schedule* ]]
want=$(grep '^violated at ' <<<"$output" | tail -1)
eval "got=\$('$sim' --shrink 0 ${line#replay: chronik-sim} || true)"
grep -Fx "$want" <<<"$got"
