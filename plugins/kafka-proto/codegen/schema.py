"""Reads the message files of ../schemas. README.md there describes the language."""

import dataclasses
import pathlib
import re

INTEGERS = ("int8", "int16", "uint16", "int32", "uint32", "int64")
PRIMITIVES = INTEGERS + ("bool", "float64", "error", "string", "bytes", "records", "uuid")
MAX_VERSION = 32767


class SchemaError(Exception):
    """A message file that cannot be understood; the text names file and line."""


@dataclasses.dataclass(frozen=True)
class Versions:
    """An inclusive range of versions; empty when low > high."""

    low: int
    high: int

    @staticmethod
    def parse(text):
        match = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
        if not match:
            raise ValueError(f"'{text}' is no version range such as 3, 3+ or 3-5")
        low = int(match[1])
        if match[2] == "+":
            return Versions(low, MAX_VERSION)
        return Versions(low, int(match[3]) if match[3] else low)

    def clip(self, other):
        return Versions(max(self.low, other.low), min(self.high, other.high))

    def empty(self):
        return self.low > self.high

    def __contains__(self, version):
        return self.low <= version <= self.high

    def __iter__(self):
        return iter(range(self.low, self.high + 1))


NEVER = Versions(1, 0)


@dataclasses.dataclass
class Field:
    name: str
    type: str                   # a primitive or the name of a struct, without brackets
    array: bool
    versions: Versions          # within those of the struct it stands in
    nullable: Versions = NEVER  # within versions
    tag: int = None
    default: str = None         # as written; None when the type's own default holds
    inflexible: bool = False    # never in compact form
    struct: "Struct" = None

    def is_struct(self):
        return self.struct is not None


@dataclasses.dataclass
class Struct:
    name: str
    versions: Versions
    fields: list = dataclasses.field(default_factory=list)

    def tagged(self):
        return sorted((f for f in self.fields if f.tag is not None), key=lambda f: f.tag)

    def untagged(self):
        return [f for f in self.fields if f.tag is None]


@dataclasses.dataclass
class Message:
    name: str        # such as ProduceRequest
    kind: str        # request, response, header, data, key or value
    versions: Versions
    flexible: Versions
    root: Struct
    structs: list    # those below the root, innermost first


@dataclasses.dataclass
class Api:
    """One message file: an API with its request and response, a record's key and value, or loose headers and data."""

    stem: str        # its path below the folder of message files, without the ending
    about: str
    name: str = None
    key: int = None
    record: str = None
    record_type: int = None
    plain_response_header: bool = False
    messages: list = dataclasses.field(default_factory=list)

    def message(self, kind):
        return next(m for m in self.messages if m.kind == kind)


class Parser:
    def __init__(self, path, folder):
        self.path = pathlib.Path(path)
        self.api = Api(self.path.relative_to(folder).with_suffix("").as_posix(), "")
        self.message = None
        self.open = []  # (indent of its fields, struct), outermost first
        self.structs = {}
        self.number = 0

    def parse(self):
        lines = self.path.read_text(encoding="utf-8").splitlines()
        self.api.about = lines[0].lstrip("# ") if lines and lines[0].startswith("#") else ""
        for self.number, line in enumerate(lines, 1):
            text = line.split("#")[0].rstrip()
            if text:
                try:
                    self.line(len(text) - len(text.lstrip()), text.split())
                except ValueError as error:
                    raise SchemaError(f"{self.path}:{self.number}: {error}") from None
        for message in self.api.messages:
            collect(message.root, message.structs)
            self.check(message)
        return self.api

    def line(self, indent, words):
        if indent == 0 and words[0] == "api":
            self.api_line(words)
        elif indent == 0 and words[0] == "record":
            self.record_line(words)
        elif indent == 0:
            self.message_line(words)
        elif indent % 2:
            raise ValueError("indent by two spaces a level")
        else:
            self.field_line(indent, words)

    def api_line(self, words):
        if words[2] != "key":
            raise ValueError("expected: api <Name> key <number> [plain-response-header]")
        self.api.name, self.api.key = words[1], int(words[3])
        self.api.plain_response_header = "plain-response-header" in words[4:]

    def record_line(self, words):
        if len(words) != 4 or words[2] != "type":
            raise ValueError("expected: record <Name> type <number>")
        self.api.record, self.api.record_type = words[1], int(words[3])

    def message_line(self, words):
        kind, rest = words[0], words[1:]
        if kind in ("request", "response"):
            name = self.api.name + kind.capitalize()
        elif kind in ("key", "value"):
            name = self.api.record + kind.capitalize()
        elif kind in ("header", "data"):
            name, rest = rest[0], rest[1:]
        else:
            raise ValueError(f"'{kind}' is none of api, request, response, record, key, value, header, data")
        versions = Versions.parse(rest[0])
        flexible = NEVER
        if len(rest) == 3 and rest[1] == "flexible":
            flexible = Versions.parse(rest[2])
        elif len(rest) != 1:
            raise ValueError("expected: <versions> [flexible <versions>]")
        root = Struct(name, versions)
        self.message = Message(name, kind, versions, flexible, root, [])
        self.api.messages.append(self.message)
        self.open = [(2, root)]
        self.structs = {}

    def field_line(self, indent, words):
        if self.message is None:
            raise ValueError("a field outside of a message")
        while self.open[-1][0] > indent:
            self.open.pop()
        if self.open[-1][0] != indent:
            raise ValueError("indented below something that has no fields")
        parent = self.open[-1][1]
        field = self.make_field(parent, words)
        parent.fields.append(field)
        if field.type not in PRIMITIVES:
            self.struct_field(indent, field)

    def struct_field(self, indent, field):
        """The first use of a struct defines it by the lines below; a later use means the same struct."""
        field.struct = self.structs.get(field.type)
        if field.struct is None:
            field.struct = Struct(field.type, field.versions)
            self.structs[field.type] = field.struct
            self.open.append((indent + 2, field.struct))
        elif field.versions.clip(field.struct.versions) != field.versions:
            raise ValueError(f"{field.type} was defined for fewer versions than it is used in here")

    def make_field(self, parent, words):
        if len(words) < 2:
            raise ValueError("expected: <name> <type> [versions] [nullable [versions]] [tag n] [default value]")
        array = words[1].startswith("[]")
        rest = words[2:]
        versions = parent.versions
        if rest and rest[0][0].isdigit():
            versions = Versions.parse(rest.pop(0)).clip(parent.versions)
        if versions.empty():
            raise ValueError(f"field '{words[0]}' exists in no version of the message")
        field = Field(words[0], words[1].removeprefix("[]"), array, versions)
        while rest:
            self.attribute(field, rest)
        return field

    def attribute(self, field, rest):
        word = rest.pop(0)
        if word == "nullable":
            given = Versions.parse(rest.pop(0)) if rest and rest[0][0].isdigit() else field.versions
            field.nullable = given.clip(field.versions)
        elif word == "tag":
            field.tag = int(rest.pop(0))
        elif word == "default":
            field.default = rest.pop(0)
        elif word == "inflexible":
            field.inflexible = True
        else:
            raise ValueError(f"'{word}' is none of nullable, tag, default, inflexible")

    def check(self, message):
        for struct in message.structs + [message.root]:
            where = f"{self.path}: {message.name}: {struct.name}"
            if not struct.fields:
                raise SchemaError(f"{where} has no fields")
            if [f.tag for f in struct.tagged()] != list(range(len(struct.tagged()))):
                raise SchemaError(f"{where}: tags must count up from 0")
            for field in struct.fields:
                check_field(where, message, field)


def collect(struct, into):
    """Appends the structs below struct, innermost first, each once."""
    for field in struct.fields:
        if field.is_struct() and field.struct not in into:
            collect(field.struct, into)
            into.append(field.struct)


def check_field(where, message, field):
    where = f"{where}.{field.name}"
    if field.tag is not None and field.versions.clip(message.flexible) != field.versions:
        raise SchemaError(f"{where}: a tag needs flexible versions")
    nullable_type = field.array or field.is_struct() or field.type in ("string", "bytes", "records")
    if not field.nullable.empty() and not nullable_type:
        raise SchemaError(f"{where}: {field.type} is never null")
    if field.default == "null" and field.nullable != field.versions:
        raise SchemaError(f"{where}: a null default needs every version nullable")


def load(folder):
    """All message files of a folder and of those in it, in order of their names."""
    return [Parser(path, folder).parse() for path in sorted(pathlib.Path(folder).rglob("*.msg"))]
