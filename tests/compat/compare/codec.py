"""Messages of Kafka on the wire, any of them in any version, from our own message files: a message is a dict by field name.

The files are held against Kafka's definitions by schema_check.py, so this needs no second source."""
import pathlib
import struct
import sys

PROTO = pathlib.Path(__file__).resolve().parents[3] / "plugins/kafka-proto"
sys.path.insert(0, str(PROTO / "codegen"))
import schema  # noqa: E402

NUMBERS = {"bool": "?", "int8": "b", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "float64": "d",
           "error": "h"}
UNKNOWN_TAG = 99


class Malformed(Exception):
    """An answer that is not what its schema says."""


def load():
    """The APIs by key, and the headers."""
    files = schema.load(PROTO / "schemas")
    headers = {m.name: m for file in files for m in file.messages if m.kind == "header"}
    return {file.key: file for file in files if file.key is not None}, headers


def default_of(field):
    """What a field has that a request leaves out."""
    if field.default == "null" or field.default is None and field.type == "records" and not field.array:
        return None
    if field.array:
        return []
    if field.is_struct():
        return {}
    if field.type == "bool":
        return field.default == "true"
    if field.type in NUMBERS:
        return int(field.default or "0")
    return bytes(16) if field.type == "uuid" else b"" if field.type == "bytes" else field.default or ""


def uvarint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


class Writer:
    def __init__(self, version, flexible, tag=False):
        """tag: with a tagged field that nobody knows in the outermost struct."""
        self.version, self.flexible, self.tag = version, flexible, tag
        self.out = bytearray()

    def length(self, count, compact, narrow=False):
        """Before a string (narrow), bytes or an array; None is null. The callers may ask for null where the schema forbids it."""
        if compact:
            self.out += uvarint(0 if count is None else count + 1)
        else:
            self.out += struct.pack(">h" if narrow else ">i", -1 if count is None else count)

    def single(self, field, value):
        compact = self.flexible and not field.inflexible
        if field.is_struct():
            if self.version in field.nullable and not field.array:
                self.out += struct.pack("b", -1 if value is None else 1)
            if value is not None:
                self.fields(field.struct, value)
        elif field.type in NUMBERS:
            self.out += struct.pack(">" + NUMBERS[field.type], value)
        elif field.type == "uuid":
            self.out += value
        else:
            data = value.encode() if isinstance(value, str) else value
            self.length(None if data is None else len(data), compact, narrow=field.type == "string")
            self.out += data or b""

    def field(self, field, value):
        if not field.array:
            return self.single(field, value)
        self.length(None if value is None else len(value), self.flexible)
        for element in value or []:
            self.single(field, element)

    def fields(self, fields, value):
        unknown = set(value) - {f.name for f in fields.fields}
        if unknown:
            raise KeyError(f"{fields.name} has no {', '.join(sorted(unknown))}")
        tag, self.tag = self.tag, False
        for field in fields.untagged():
            if self.version in field.versions:
                self.field(field, value.get(field.name, default_of(field)))
        if self.flexible:
            given = [f for f in fields.tagged() if self.version in f.versions and f.name in value]
            self.out += uvarint(len(given) + tag)
            for field in given:
                inner = Writer(self.version, True)
                inner.field(field, value[field.name])
                self.out += uvarint(field.tag) + uvarint(len(inner.out)) + inner.out
            if tag:
                self.out += uvarint(UNKNOWN_TAG) + b"\3abc"


class Reader:
    def __init__(self, data, version, flexible):
        self.data, self.version, self.flexible = data, version, flexible
        self.at = 0

    def take(self, count):
        if count < 0 or self.at + count > len(self.data):
            raise Malformed(f"{count} bytes at {self.at} of {len(self.data)}")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def length(self, compact, narrow=False):
        count = self.uvarint() - 1 if compact else self.number("h" if narrow else "i")
        return None if count < 0 else count

    def single(self, field):
        compact = self.flexible and not field.inflexible
        if field.is_struct():
            null = self.version in field.nullable and not field.array and self.number("b") < 0
            return None if null else self.fields(field.struct)
        if field.type in NUMBERS:
            return self.number(NUMBERS[field.type])
        if field.type == "uuid":
            return self.take(16)
        count = self.length(compact, narrow=field.type == "string")
        if count is None:
            return None
        return self.take(count).decode(errors="replace") if field.type == "string" else self.take(count)

    def field(self, field):
        if not field.array:
            return self.single(field)
        count = self.length(self.flexible)
        return None if count is None else [self.single(field) for _ in range(count)]

    def fields(self, fields):
        value = {f.name: self.field(f) for f in fields.untagged() if self.version in f.versions}
        if self.flexible:
            tagged = {f.tag: f for f in fields.tagged() if self.version in f.versions}
            for field in tagged.values():
                value[field.name] = default_of(field)
            for _ in range(self.uvarint()):
                tag, size = self.uvarint(), self.uvarint()
                inner = Reader(self.take(size), self.version, True)
                if tag in tagged:
                    value[tagged[tag].name] = inner.field(tagged[tag])
                else:
                    value[f"tag {tag}"] = inner.data
        return value


def encode(message, version, value, tag=False):
    writer = Writer(version, version in message.flexible, tag)
    writer.fields(message.root, value)
    return bytes(writer.out)


def decode(message, version, data):
    """(value, bytes read)"""
    reader = Reader(data, version, version in message.flexible)
    return reader.fields(message.root), reader.at
