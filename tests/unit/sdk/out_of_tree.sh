#!/usr/bin/env bash
# The SDK as a third party uses it: installed, found by find_package, template and examples built and tested against it.
set -euo pipefail
source_tree=$1
work=$2
rm -rf "$work"
mkdir -p "$work"
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)

cmake "${generator[@]}" -S "$source_tree/sdk" -B "$work/sdk" >/dev/null
cmake --install "$work/sdk" --prefix "$work/prefix" >/dev/null

for plugin in "$work"/prefix/share/chronik-sdk/template "$work"/prefix/share/chronik-sdk/examples/*; do
  [[ -e $plugin/CMakeLists.txt ]] || continue
  name=$(basename "$plugin")
  echo "== $name"
  cmake "${generator[@]}" -S "$plugin" -B "$work/$name" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Release >/dev/null
  cmake --build "$work/$name"
  ctest --test-dir "$work/$name" --output-on-failure --no-tests=error
  for so in "$work/$name"/*.so; do
    symbols=$(nm -D --defined-only "$so" | awk '{print $3}')
    [[ $symbols == chronik_plugin_v1 ]] || { echo "$so exports more than chronik_plugin_v1: $symbols"; exit 1; }
  done
done
