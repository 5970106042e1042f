#!/usr/bin/env python3
"""What keeps the ABI stable, as tests. Each command prints what is wrong and fails; see README.md."""
import argparse
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import abidiff
import headers
import layout

UPDATE = "CHRONIK_UPDATE_GOLDEN" in os.environ
VARYING = re.compile(r"\b(int|long|short|unsigned|float|size_t|bool|_Bool|wchar_t|enum \w+)\b")


def minor(path):
    return tuple(int(n) for n in re.search(r"abi-(\d+)\.(\d+)", path.name).groups())


def current(found):
    """The version that the headers say, such as (1, 0)."""
    text = found[0].text
    return tuple(int(re.search(rf"#define CHR_ABI_{name} (\d+)", text)[1]) for name in ("MAJOR", "MINOR"))


def emit(args):
    found = headers.read(args.root / "sdk/include")
    pathlib.Path(args.to).write_text("\n".join(layout.emit(found)) + "\n")


def rules(args):
    """The rules that stand at the top of abi.h, as far as a program can check them."""
    drafts = sorted((args.root / "sdk/include/chronik/draft").glob("*.h"))
    return broken_rules(headers.read(args.root / "sdk/include") + [headers.Header(path) for path in drafts])


def broken_rules(found):
    growing = {s.name for h in found for s in h.structs if s.growth == "GROWS"}
    for header, struct in [(h, s) for h in found for s in h.structs]:
        where = f"{header.path.name}: {struct.name}"
        if not struct.growth:
            yield f"{where} does not say whether it is FROZEN or GROWS"
        first = " ".join(field.text for field in struct.fields[:2])
        if struct.growth == "GROWS" and struct.fields[0].text != "uint32_t struct_size":
            yield f"{where} GROWS and does not begin with struct_size"
        if struct.name.endswith("_v1") and not re.fullmatch(r"uint32_t struct_size uint32_t (rev|abi_minor)", first):
            yield f"{where} is a table and does not begin with struct_size and rev"
        for field in struct.fields:
            if field.is_function and not headers.TAG.search(field.comment):
                yield f"{where}.{field.name} has no tag: which thread calls it, and may it block?"
            if VARYING.search(field.text):
                yield f"{where}.{field.name} has a type whose size varies: {field.text}"
            if field.text.split()[0] in growing and not field.is_function and "*" not in field.text:
                yield f"{where}.{field.name} holds a struct that GROWS by value"


def golden(args):
    """The layout is that of the golden file of this minor, and breaks nothing that an older one promised."""
    folder = args.root / "tests/golden/sdk"
    now = current(headers.read(args.root / "sdk/include"))
    printed = subprocess.run([args.printer], check=True, capture_output=True, text=True).stdout
    yield from layout.holes(printed)
    mine = folder / f"abi-{now[0]}.{now[1]}.txt"
    if UPDATE:
        mine.write_text(printed)
    if not mine.exists():
        yield f"{mine} is missing: a new minor needs a golden file of its own"
        return
    if mine.read_text() != printed:
        yield from layout.breaks(mine.read_text(), printed)
        yield f"the layout is not that of {mine.name}; what is new in the ABI needs a new minor"
    for old in sorted(folder.glob("abi-*.txt"), key=minor):
        if minor(old) < now:
            yield from (f"against {old.name}: {text}" for text in layout.breaks(old.read_text(), printed))


def snapshot(args):
    """The museum keeps the headers of each minor as one file; that of this minor is what the SDK has."""
    found = headers.read(args.root / "sdk/include")
    path = args.root / "tests/museum/abi-{}.{}/chronik_abi.h".format(*current(found))
    text = headers.one_text(found)
    if UPDATE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    if not path.exists() or path.read_text() != text:
        yield f"{path} is not what the headers say: once this minor is released, they may not change under it"


def compiled_headers(args):
    """Each header alone, by each compiler that is here."""
    compilers = [c for c in ("gcc", "clang", "clang-19") if shutil.which(c)] or ["cc"]
    folder = args.root / "sdk/include"
    names = sorted(str(p.relative_to(folder)) for p in [*folder.glob("chronik/*.h"), *folder.glob("chronik/draft/*.h")])
    modes = [("c", "c11"), ("c++", "c++17"), ("c++", "c++23")]
    for compiler, (language, standard), name in itertools.product(compilers, modes, names):
        command = [compiler, "-x", language, f"-std={standard}", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only",
                   "-I", str(folder), "-"]
        done = subprocess.run(command, input=f"#include <{name}>\n", capture_output=True, text=True)
        if done.returncode != 0:
            yield f"{compiler} as {standard}: {name}: {done.stderr.strip()}"
    print(f"{len(names)} headers, {len(modes)} languages, by {', '.join(compilers)}")


def compared(args):
    """abidiff finds nothing between the headers that the museum keeps and those of the SDK; and it finds what is planted."""
    found = headers.read(args.root / "sdk/include")
    text = headers.one_text(found)
    growing = {s.name for h in found for s in h.structs if s.growth == "GROWS"}
    with tempfile.TemporaryDirectory() as folder:
        for kept in sorted(args.root.glob("tests/museum/abi-*/chronik_abi.h")):
            yield from (f"against {kept.parent.name}: {line}" for line in
                        abidiff.breaks(folder, kept.read_text(), text, growing))
        yield from abidiff.planted(folder, text, growing)


def replaced(text, gone, come):
    if text.count(gone) != 1:
        raise ValueError(f"the place of a planted change is not there any more: {gone!r}")
    return text.replace(gone, come)


def planted(args):
    """Proof that the checks above can fail, and fail for the right things only."""
    now = current(headers.read(args.root / "sdk/include"))
    text = (args.root / "tests/golden/sdk/abi-{}.{}.txt".format(*now)).read_text()
    for gone, come, bad in PLANTED_LAYOUTS:
        if bool(list(layout.breaks(text, replaced(text, gone, come)))) != bad:
            yield f"planted in the layout: {come!r} instead of {gone!r}: {'missed' if bad else 'refused'}"
    path = args.root / "sdk/include/chronik/storage.h"
    for gone, come in PLANTED_HEADERS:
        if not list(broken_rules([headers.Header(path, replaced(path.read_text(), gone, come))])):
            yield f"planted in {path.name}: {come!r} instead of {gone!r}: missed"


# (what goes, what comes, whether that is a break)
PLANTED_LAYOUTS = [
    ("CHR_E_IO = -9", "CHR_E_IO = -10", True),
    ("CHR_E_CONFLICT = -17\n", "", True),
    ("CHR_E_CONFLICT = -17\n", "CHR_E_CONFLICT = -17\nCHR_E_NEW = -18\n", False),
    ("  8 8 n: unsigned long\nchr_error", "  8 8 n: long\nchr_error", True),
    ("chr_placed FROZEN size 24 align 8\n", "chr_placed FROZEN size 32 align 8\n  24 8 more: unsigned long\n", True),
    ("chr_retry GROWS", "chr_retry FROZEN", True),
    ("  24 8 seed: unsigned long\n", "  24 8 seed: unsigned long\n  32 8 more: unsigned long\n", False),
    ("  24 8 seed: unsigned long\n", "", True),
    ("chr_catalog_fn = void (*)(void*)", "chr_catalog_fn = int (*)(void*)", True),
]
PLANTED_HEADERS = [
    ("/* [any] From memory. */", "/* From memory. */"),
    ("typedef struct chr_storage_usage { /* GROWS */\n  uint32_t struct_size;", "typedef struct chr_storage_usage { /* GROWS */\n"),
    ("  uint64_t used_bytes; ", "  size_t used_bytes; "),
    ("  uint64_t used_bytes; ", "  chr_entries used; "),
    ("/* FROZEN, 88 bytes. payload.n", "/* payload.n"),
    ("typedef struct chr_storage_v1 {\n  uint32_t struct_size, rev;", "typedef struct chr_storage_v1 {\n"),
]
COMMANDS = {"emit": emit, "rules": rules, "golden": golden, "snapshot": snapshot, "headers": compiled_headers, "abidiff": compared,
            "planted": planted}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    parser.add_argument("--printer", help="golden: the program print_layout")
    parser.add_argument("--to", help="emit: the file to write")
    args = parser.parse_args()
    problems = list(COMMANDS[args.command](args) or [])
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
