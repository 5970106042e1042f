#!/usr/bin/env python3
"""plant.py NAME SOURCE COPY: copies a source with one planted bug in it.

The bug stands in the source, in a comment above the statement whose place it takes:

    // mutant NAME: what stands there instead, in one line
    //     or in several
    the statement, up to the line that ends in ; { or }

"left out" as what stands there leaves the statement out.
"""
import re
import sys


def plant(name, lines):
    """The lines with the bug in them, each line where it was, so that errors name the true one."""
    first = next(i for i, line in enumerate(lines) if re.match(rf" *// mutant {name}: ", line))
    begin = first + 1
    while re.match(r" *//     ", lines[begin]):
        begin += 1
    end = begin
    while lines[end].lstrip().startswith("//"):  # another bug in the place of the same statement
        end += 1
    while lines[end].rstrip()[-1:] not in (";", "{", "}"):
        end += 1
    bug = " ".join(line.strip().removeprefix("//").strip() for line in lines[first:begin]).removeprefix(f"mutant {name}: ")
    if bug == "left out":
        bug = ""
    return lines[:first] + [""] * (begin - first) + [bug] + [""] * (end - begin) + lines[end + 1:]


name, source, copy = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    text = file.read().split("\n")
with open(copy, "w", encoding="utf-8") as file:
    file.write("\n".join(plant(name, text)))
