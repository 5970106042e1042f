#!/bin/sh
# header_sum.sh SUM HEADER COMPILER...: into SUM, a checksum of what a precompiled header says, for the compiler cache. It is the same in
# each clone, which HEADER, the compiled form, is not: that is taken where the text cannot be had.
set -e
sum=$1 compiled=$2
shift 2
text=$sum.text
"$@" >"$text" 2>/dev/null || cp "$compiled" "$text"
"$1" --version >>"$text"
sha256sum <"$text" >"$sum"
rm "$text"
