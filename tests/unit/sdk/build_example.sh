#!/usr/bin/env bash
# build_example.sh SOURCE_TREE NAME SCRATCH: installs the SDK to SCRATCH/sdk and builds sdk/examples/NAME against it, as a third
# party would, leaving SCRATCH/build/NAME.so.
set -euo pipefail
source_tree=$1
name=$2
scratch=$3
rm -rf "$scratch"
mkdir -p "$scratch"
cp -r "$source_tree/sdk/examples/$name" "$scratch/source"
cmake -S "$source_tree/sdk" -B "$scratch/sdk-build" > /dev/null
cmake --install "$scratch/sdk-build" --prefix "$scratch/sdk" > /dev/null
cmake -S "$scratch/source" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$scratch/sdk" > /dev/null
cmake --build "$scratch/build" --target "$name"
symbols=$(nm -D --defined-only "$scratch/build/$name.so" | awk '{print $3}')
[[ $symbols == chronik_plugin_v1 ]] || { echo "$name.so exports: $symbols" >&2; exit 1; }
