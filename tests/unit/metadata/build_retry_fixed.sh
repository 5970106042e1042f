#!/usr/bin/env bash
# build_retry_fixed.sh SOURCE_TREE SCRATCH: installs the SDK to SCRATCH/sdk and builds sdk/examples/retry-fixed against it,
# as a third party would, leaving SCRATCH/build/retry-fixed.so.
set -euo pipefail
source_tree=$1
scratch=$2
rm -rf "$scratch"
mkdir -p "$scratch"
cp -r "$source_tree/sdk/examples/retry-fixed" "$scratch/source"
cmake -S "$source_tree/sdk" -B "$scratch/sdk-build" > /dev/null
cmake --install "$scratch/sdk-build" --prefix "$scratch/sdk" > /dev/null
cmake -S "$scratch/source" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/sdk" > /dev/null
cmake --build "$scratch/build"
symbols=$(nm -D --defined-only "$scratch/build/retry-fixed.so" | awk '{print $3}')
[[ $symbols == chronik_plugin_v1 ]] || { echo "retry-fixed.so exports: $symbols" >&2; exit 1; }
