"""abidiff over two probe libraries that have every public type: one of the headers of then, one of those of now.

Both are compiled here and now by the same compiler, so that nothing but the headers differs.
"""
import pathlib
import re
import subprocess

import headers

CHANGED = 4 | 8  # bits of abidiff's exit code: a change, an incompatible one
STRUCT = re.compile(r"((?:typedef struct|^struct) (\w+) \{\n)(.*?)(^\})", re.S | re.M)


def probe(folder, name, text):
    """Compiles a library whose functions name every type of the headers, which are one text without comments."""
    header = headers.Header(name, text)
    types = [s.name for s in header.structs] + header.functions
    lines = [f"void probe_{t}({t}* x) {{ (void)x; }}" for t in types]
    source = pathlib.Path(folder) / f"{name}.c"
    source.write_text(text + "\n".join(lines) + "\n")
    library = source.with_suffix(".so")
    subprocess.run(["cc", "-std=c11", "-g", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return library


def without_growth(old_text, new_text, growing):
    """The new text as the old one must find it: without new types, and without what came to the end of those that may grow."""
    known = {s.name: len(s.fields) for s in headers.Header("old", old_text).structs}

    def cut(found):
        head, name, body, tail = found.groups()
        if name not in growing or name not in known:
            return found[0]
        fields = list(headers.fields_of(body))[:known[name]]
        return head + "".join(f"  {field.text};\n" for field in fields) + tail
    return STRUCT.sub(cut, new_text)


def breaks(folder, old_text, new_text, growing):
    """What abidiff reports about the types that the old text has, line by line."""
    old = probe(folder, "old", old_text)
    new = probe(folder, "new", without_growth(old_text, new_text, growing))
    done = subprocess.run(["abidiff", "--no-added-syms", str(old), str(new)], capture_output=True, text=True)
    if done.returncode & ~CHANGED:
        raise RuntimeError(f"abidiff failed: {done.stderr or done.stdout}")
    return done.stdout.strip().split("\n") if done.returncode else []


# What somebody might do: (name, text that goes, text that comes, whether abidiff must complain).
PLANTED = [
    ("two fields swapped", "token;\n  chr_status code;\n  uint32_t flags;", "token;\n  uint32_t flags;\n  chr_status code;", True),
    ("a field made wider", "uint32_t max_lease_ms;\n} chr_storage_read;", "uint64_t max_lease_ms;\n} chr_storage_read;", True),
    ("a function more in a table", "} chr_retry_policy_v1;", "  void(CHR_CALL* reset)(void* self);\n} chr_retry_policy_v1;", True),
    ("an argument more", "next_delay)(void* self, ", "next_delay)(void* self, uint32_t flags, ", True),
    ("growth of what is FROZEN", "} chr_placed;", "  uint64_t more;\n} chr_placed;", True),
    ("growth before the end", "uint32_t attempt;", "uint32_t attempt, more;", True),
    ("a callback that returns more", "typedef void(CHR_CALL* chr_catalog_fn)", "typedef int32_t(CHR_CALL* chr_catalog_fn)", True),
    ("a new type", "} chr_placed;", "} chr_placed;\ntypedef struct chr_new {\n  uint32_t a;\n} chr_new;", False),
    ("growth at the end of what GROWS", "} chr_retry;", "  uint64_t more;\n} chr_retry;", False),
]


def planted(folder, text, growing):
    """Proof that the comparison can fail, and fails for the right things only."""
    for name, gone, come, bad in PLANTED:
        if text.count(gone) != 1:
            yield f"planted change {name!r}: its place is not in the headers any more"
        elif bool(breaks(folder, text, text.replace(gone, come), growing)) != bad:
            yield f"planted change {name!r}: abidiff {'missed it' if bad else 'complained'}"
