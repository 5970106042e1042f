"""The layout of every public type: emits the program that prints it, and compares what two minors printed."""
import re


def emit(headers):
    """The body of print_layout.cc: one call for each type, field, function and constant."""
    for header in headers:
        for name in header.macros + header.constants:
            yield f'constant("{name}", {name});'
        for name in header.functions:
            yield f'function("{name}", typeid({name}));'
        for struct in header.structs:
            yield f'head("{struct.name}", "{struct.growth}", sizeof({struct.name}), alignof({struct.name}));'
            for field in struct.fields:
                of = f"{struct.name}::{field.name}"
                yield f'field(offsetof({struct.name}, {field.name}), sizeof({of}), "{field.name}", typeid(decltype({of})));'


class Type:
    def __init__(self, growth, size, align):
        self.growth, self.size, self.align, self.fields = growth, int(size), int(align), []


def parse(text):
    """(types by name, constants and functions by name) of a printed layout."""
    types, values, last = {}, {}, None
    for line in text.splitlines():
        if head := re.fullmatch(r"(\w+) (FROZEN|GROWS) size (\d+) align (\d+)", line):
            last = types[head[1]] = Type(*head.groups()[1:])
        elif line.startswith("  "):
            last.fields.append(line.strip())
        else:
            name, _, value = line.partition(" = ")
            values[name] = value
    return types, values


def breaks(old_text, new_text):
    """What a plugin or a host of the old layout would trip over in the new one."""
    old_types, old_values = parse(old_text)
    new_types, new_values = parse(new_text)
    for name, value in old_values.items():
        if new_values.get(name) != value and name != "CHR_ABI_MINOR":
            yield f"{name} was {value}, now it is {new_values.get(name, 'gone')}"
    for name, old in old_types.items():
        new = new_types.get(name)
        if new is None:
            yield f"{name} is gone"
        elif (old.growth, old.align) != (new.growth, new.align):
            yield f"{name} was {old.growth} with alignment {old.align}, now {new.growth} with {new.align}"
        elif new.fields[:len(old.fields)] != old.fields:
            was, now = next((a, b) for a, b in zip(old.fields, new.fields + [""] * len(old.fields)) if a != b)
            yield f"{name} had {was!r} where it now has {now!r}"
        elif old.growth == "FROZEN" and (new.size, len(new.fields)) != (old.size, len(old.fields)):
            yield f"{name} is FROZEN and grew from {old.size} to {new.size} bytes: growth is a new ID"


def holes(text):
    """Padding that the compiler put in: bytes that nobody zeroes."""
    for name, found in parse(text)[0].items():
        at = 0
        for field in found.fields:
            offset, size, rest = field.split(" ", 2)
            if int(offset) != at:
                yield f"{name} has a hole of {int(offset) - at} bytes before {rest}: name it reserved"
            at = int(offset) + int(size)
        if at != found.size:
            yield f"{name} has a hole of {found.size - at} bytes at its end: name it reserved"
