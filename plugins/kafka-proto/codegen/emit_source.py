"""Emits <stem>.cc: reading and writing of every version of the messages of one file."""

import cpp


class Scope:
    """Where in a message we are: names full types and gives fields their path."""

    def __init__(self, message, struct, path):
        self.message, self.struct, self.path = message, struct, path

    def type_name(self):
        root = self.message.root
        return root.name if self.struct is root else f"{root.name}::{self.struct.name}"

    def field_path(self, field):
        return f'"{self.path}{field.name}"'


def paths(struct, prefix, into):
    """The path at which each struct is first met, by struct name."""
    for field in struct.fields:
        if field.is_struct() and field.struct.name not in into:
            into[field.struct.name] = f"{prefix}{field.name}."
            paths(field.struct, into[field.struct.name], into)
    return into


def indent(lines, by="  "):
    return [by + line if line else line for line in lines]


def block(condition, lines):
    if condition is None:
        return lines
    if len(lines) == 1:
        single = f"if ({condition}) {lines[0]}"
        if len(single) < 104 and not lines[0].startswith(("for", "if")):
            return [single]
    return [f"if ({condition}) {{"] + indent(lines) + ["}"]


def compact(field):
    return "false" if field.inflexible else "compact"


def null_condition(scope, field):
    return cpp.condition_or_true(field.nullable, field.versions) if not field.nullable.empty() else "false"


# Reading


def read_value(scope, field, target):
    """Statements that read one element: no array, no null struct."""
    path = scope.field_path(field)
    if field.is_struct():
        return [f"read(in, version, {target});"]
    if field.type in cpp.FIXED:
        return [f"{target} = in.{cpp.FIXED[field.type][0]}({path});"]
    if field.type == "records":
        return [f"{target} = in.records({path}, {compact(field)}, {null_condition(scope, field)});"]
    if cpp.is_optional(field) and not field.array:
        null = null_condition(scope, field)
        return [f"{target} = in.nullable_{field.type}({path}, {compact(field)}, {null});"]
    return [f"{target} = in.{field.type}({path}, {compact(field)});"]


def read_array(scope, field):
    null = null_condition(scope, field)
    smallest = cpp.smallest_element(scope.message, field)
    member = f"value.{field.name}"
    elements = f"*{member}" if cpp.is_optional(field) else member
    head = f"in.array({scope.field_path(field)}, {compact(field)}, {null}, {smallest}, {member})"
    body = read_value(scope, field, "element")
    stop = "if (!in.ok()) break;"
    return [f"if ({head}) {{", f"  for (auto& element : {elements}) {{"] + indent(body + [stop], "    ") + ["  }", "}"]


def read_nullable_struct(scope, field):
    lines = [f"value.{field.name}.reset();"]
    present = f"in.present({scope.field_path(field)})"
    if field.nullable != field.versions:
        present = f"!({null_condition(scope, field)}) || {present}"
    return lines + [f"if ({present}) read(in, version, value.{field.name}.emplace());"]


def read_field(scope, field):
    if field.array:
        return read_array(scope, field)
    if field.is_struct() and cpp.is_optional(field):
        return read_nullable_struct(scope, field)
    return read_value(scope, field, f"value.{field.name}")


def read_tags(scope):
    tagged = scope.struct.tagged()
    if not tagged:
        return ["in.skip_tags();"]
    lines = ["for (uint32_t left = in.tag_count(); left > 0 && in.ok(); --left) {",
             "  const Reader::Tag tag = in.open_tag();", '  const char* known = nullptr;']
    for index, field in enumerate(tagged):
        when = f"tag.number == {field.tag}"
        more = cpp.condition(field.versions, scope.struct.versions.clip(scope.message.flexible))
        lines += indent([f"{'} else ' if index else ''}if ({when}{' && ' + more if more else ''}) {{",
                         f"  known = {scope.field_path(field)};"] + indent(read_field(scope, field)))
    return lines + ["  }", '  in.close_tag(tag, known != nullptr, known);', "}"]


def reader(scope):
    message, struct = scope.message, scope.struct
    lines = []
    for field in struct.untagged():
        lines += block(cpp.condition(field.versions, struct.versions), read_field(scope, field))
    lines += tail(scope, read_tags(scope))
    return function(f"void read(Reader& in, int16_t version, {scope.type_name()}& value)", message, struct, lines)


# Writing


def write_value(scope, field, source):
    if field.is_struct():
        return [f"write(out, version, {source});"]
    if field.type in cpp.FIXED:
        return [f"out.{cpp.FIXED[field.type][0]}({source});"]
    if field.type == "records":
        return [f"out.records({source}, {compact(field)}, {null_condition(scope, field)});"]
    if cpp.is_optional(field) and not field.array:
        return [f"out.nullable_{field.type}({source}, {compact(field)}, {null_condition(scope, field)});"]
    return [f"out.{field.type}({source}, {compact(field)});"]


def write_array(scope, field):
    member = f"value.{field.name}"
    elements = f"*{member}" if cpp.is_optional(field) else member
    lines = [f"out.array_length({elements[1:] + '->' if cpp.is_optional(field) else elements + '.'}size(), "
             f"{compact(field)});",
             f"for (const auto& element : {elements}) " + write_value(scope, field, "element")[0]]
    if not cpp.is_optional(field):
        return lines
    null = f"out.null_array({compact(field)}, {null_condition(scope, field)});"
    return [f"if ({member}) {{"] + indent(lines) + ["} else {", f"  {null}", "}"]


def write_nullable_struct(scope, field):
    member = f"value.{field.name}"
    present = [f"out.present({member}.has_value());", f"if ({member}) write(out, version, *{member});"]
    if field.nullable == field.versions:
        return present
    null = null_condition(scope, field)
    plain = f"write(out, version, {member}.value_or({field.struct.name}{{}}));"
    return [f"if ({null}) {{"] + indent(present) + ["} else {", f"  {plain}", "}"]


def write_field(scope, field):
    if field.array:
        return write_array(scope, field)
    if field.is_struct() and cpp.is_optional(field):
        return write_nullable_struct(scope, field)
    return write_value(scope, field, f"value.{field.name}")


def written_condition(scope, field):
    """When a tagged field is sent: its version has it and it is not the default."""
    default = cpp.is_default(field, f"value.{field.name}")
    if field.is_struct():
        default = default.replace(f"== {field.struct.name}", f"== {scope.message.name}::{field.struct.name}")
    differs = default[1:] + ".has_value()" if default.startswith("!") else f"!({default})"
    versions = cpp.condition(field.versions, scope.struct.versions.clip(scope.message.flexible))
    return f"{versions} && {differs}" if versions else differs


def write_tags(scope):
    tagged = scope.struct.tagged()
    if not tagged:
        return ["out.uvarint(0);"]
    lines = [f"const bool has_{f.name} = {written_condition(scope, f)};" for f in tagged]
    lines.append("out.uvarint(" + " + ".join(f"uint32_t{{has_{f.name}}}" for f in tagged) + ");")
    for field in tagged:
        lines += [f"if (has_{field.name}) {{", f"  const size_t begin = out.begin_tag({field.tag});"]
        lines += indent(write_field(scope, field)) + ["  out.end_tag(begin);", "}"]
    return lines


def writer(scope):
    message, struct = scope.message, scope.struct
    lines = []
    for field in struct.untagged():
        lines += block(cpp.condition(field.versions, struct.versions), write_field(scope, field))
    lines += tail(scope, write_tags(scope))
    signature = f"void write(Writer& out, int16_t version, const {scope.type_name()}& value)"
    return function(signature, message, struct, lines)


# Both


def tail(scope, lines):
    """The tagged fields, which end every struct of a flexible version."""
    flexible = scope.message.flexible.clip(scope.struct.versions)
    if flexible.empty():
        return []
    return lines if flexible == scope.struct.versions else ["if (compact) {"] + indent(lines) + ["}"]


def function(signature, message, struct, lines):
    if cpp.uses("compact", lines):
        lines = [f"const bool compact = {cpp.condition_or_true(message.flexible, struct.versions)};"] + lines
    if not cpp.uses("version", lines):
        signature = signature.replace("int16_t version", "int16_t /*version*/")
    return [signature + " {"] + indent(lines) + ["}", ""]


def equality(scope):
    terms = [f"same({f.name}, other.{f.name})" for f in scope.struct.fields]
    name = scope.type_name()
    lines = [f"bool {name}::operator==(const {scope.struct.name}& other) const {{"]
    return lines + ["  return " + " &&\n         ".join(terms) + ";", "}", ""]


def entry_points(message):
    """The parameter has a name that no field has: one is called version."""
    name = message.name
    return [
        f"Result<{name}> {name}::decode(Reader& in, int16_t in_version) {{",
        "  if (in_version < kMinVersion || in_version > kMaxVersion) return unknown_version(kName, in_version);",
        f"  {name} value;",
        "  read(in, in_version, value);",
        "  if (!in.ok()) return std::unexpected(in.error(describe(kName, in_version)));",
        "  return value;",
        "}",
        "",
        f"void {name}::encode(Writer& out, int16_t in_version) const {{",
        "  write(out, in_version, *this);",
        "}",
        "",
    ]


def message_code(message):
    where = paths(message.root, "", {})
    scopes = [Scope(message, s, where[s.name]) for s in message.structs] + [Scope(message, message.root, "")]
    lines = ["", "namespace {", ""]
    for scope in scopes:
        lines += reader(scope) + writer(scope)
    lines += ["}  // namespace", ""]
    for scope in scopes:
        lines += equality(scope)
    return lines + entry_points(message)


def emit(api):
    lines = [cpp.NOTICE.format(api.stem + ".msg"), f'#include "kafka-proto/messages/{api.stem}.h"', ""]
    lines += [f'#include "kafka-proto/wire/{name}.h"' for name in ("reader", "version_error", "writer")]
    lines += ["", "namespace chronik::kafka {"]
    for message in api.messages:
        lines += message_code(message)
    return "\n".join(lines + ["}  // namespace chronik::kafka", ""])
