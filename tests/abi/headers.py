"""The public headers of the ABI as data: every type, field, function and constant, read from the text.

The headers keep to a form that a few patterns can read; what they cannot read is an error, so nothing is left out.
"""
import pathlib
import re

# From the base types on; a header includes only what stands before it.
ORDER = ["abi", "host", "plugin", "host_services", "net", "link", "storage", "consensus", "metadata", "retry_policy"]
TAG = re.compile(r"\[(ctl|shard|blocking|any)\]")
SCALARS = {"char", "double", "void", "int8_t", "uint8_t", "int16_t", "uint16_t", "int32_t", "uint32_t", "int64_t", "uint64_t"}


class Struct:
    def __init__(self, name, growth, body):
        self.name = name
        self.growth = growth  # FROZEN, GROWS, or "" where the header does not say
        self.fields = list(fields_of(body))


class Field:
    def __init__(self, name, text, comment):
        self.name = name
        self.text = text  # the declaration, without its comment
        self.comment = comment

    @property
    def is_function(self):
        return "CHR_CALL" in self.text


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def fields_of(body):
    """The fields of a struct. The comment of a field stands before it, or behind it in its line."""
    comment = ""
    at = 0
    pattern = re.compile(r"\s*(?:/\*(?P<comment>.*?)\*/|(?P<code>[^;/]+);(?P<tail>[ \t]*/\*.*?\*/)?)", re.S)
    while body[at:].strip():
        found = pattern.match(body, at)
        if not found:
            raise ValueError(f"cannot read this in a struct: {body[at:].strip()[:80]!r}")
        at = found.end()
        if found["comment"] is not None:
            comment += found["comment"]
            continue
        for name, text in declared(" ".join(found["code"].split())):
            yield Field(name, text, comment + (found["tail"] or ""))
        comment = ""


def declared(code):
    function = re.search(r"\(CHR_CALL\* (\w+)\)\(", code)
    if function:
        return [(function[1], code)]
    first, *more = code.split(",")
    kind, name = re.match(r"(.*[\s*])(\w+(?:\[\w+\])?)$", first.strip()).groups()
    return [(n.strip().split("[")[0], kind + n.strip()) for n in [name, *more]]


class Header:
    def __init__(self, path, text=None):
        self.path = pathlib.Path(path)
        self.text = self.path.read_text() if text is None else text
        code = without_comments(self.text)
        self.structs = []
        self.functions = re.findall(r"typedef \w+\(CHR_CALL\* (\w+)\)\(", code)
        self.constants = [c for e in re.findall(r"\benum \{(.*?)\}", code, re.S) for c in re.findall(r"(\w+) = [^,}]+", e)]
        self.macros = [m for m in re.findall(r"#define (CHR_\w+) \S", code)]
        before = 0
        for found in re.finditer(r"(?:typedef struct|^struct) (\w+) \{(.*?)^\}", self.text, re.S | re.M):
            preamble = self.text[before:found.start()] + found[2].split("\n")[0]
            before = found.end()
            said = re.findall(r"\b(FROZEN|GROWS)\b", preamble)
            table = "FROZEN" if found[1].endswith("_v1") else ""
            self.structs.append(Struct(found[1], said[-1] if said else table, found[2]))
        if len(self.structs) != len(re.findall(r"\bstruct \w+ \{", code)):
            raise ValueError(f"{path}: has a struct in a form that tests/abi/headers.py cannot read")


def read(include):
    """All headers of the frozen ABI, in their order; a header that ORDER lacks is an error."""
    folder = pathlib.Path(include) / "chronik"
    found = {p.stem for p in folder.glob("*.h")}
    if found != set(ORDER):
        raise ValueError(f"{folder}: tests/abi/headers.py does not order {sorted(found ^ set(ORDER))}")
    return [Header(folder / f"{name}.h") for name in ORDER]


def one_text(headers):
    """The headers as one, without comments and includes of one another: the snapshot of a minor for the museum."""
    out = ["/* clang-format off */", "/* The headers of one minor of the ABI as one, written by tests/abi/check.py. */", "#include <stdint.h>", "#ifdef __cplusplus", 'extern "C" {', "#endif"]
    guard = re.compile(r"#(ifndef|define) CHRONIK_\w+_H_$|#include|#ifdef __cplusplus|extern \"C\"|#endif$|\}\s*$")
    for header in headers:
        lines = [line.rstrip() for line in without_comments(header.text).split("\n")]
        keep = [line for line in lines if line.strip()]
        head = next(i for i, line in enumerate(keep) if line.startswith('extern "C"')) + 2
        tail = len(keep) - 4  # #ifdef __cplusplus, }, #endif, #endif
        assert all(guard.match(line) for line in keep[:head] + keep[tail:]), header.path
        out += keep[head:tail]
    return "\n".join(out + ["#ifdef __cplusplus", "}", "#endif", ""])
