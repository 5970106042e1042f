"""Emits <stem>.h: the structs of one message file."""

import cpp


def equality(struct):
    return f"  bool operator==(const {struct.name}&) const;"


def members(struct):
    return [f"  {cpp.member_type(f)} {f.name}{cpp.initializer(f)};" for f in struct.fields]


def inner_structs(message):
    """The structs of a message, in a namespace: nested in it, a std::optional of one could not be default constructed
    before the end of the class, because of the members' initialisers."""
    if not message.structs:
        return []
    lines = [f"namespace {namespace(message)} {{", ""]
    for struct in message.structs:
        lines += [f"struct {struct.name} {{"] + members(struct) + ["", equality(struct), "};", ""]
    return lines + [f"}}  // namespace {namespace(message)}", ""]


def namespace(message):
    return cpp.snake(message.name) + "_types"


def constants(api, message):
    flexible = message.versions.high + 1 if message.flexible.empty() else message.flexible.low
    lines = []
    if message.kind in ("request", "response"):
        lines.append(f"  static constexpr ApiKey kApi = ApiKey::{cpp.constant(api.name)};")
    if message.kind in ("key", "value"):
        lines.append(f"  static constexpr int16_t kRecordType = {api.record_type};")
    lines += [
        f'  static constexpr std::string_view kName = "{message.name}";',
        f"  static constexpr int16_t kMinVersion = {message.versions.low};",
        f"  static constexpr int16_t kMaxVersion = {message.versions.high};",
        f"  static constexpr int16_t kFlexibleFrom = {flexible};",
    ]
    return lines


def message_struct(api, message):
    lines = inner_structs(message) + [f"struct {message.name} {{"]
    lines += constants(api, message) + [""]
    names = [f"  using {s.name} = {namespace(message)}::{s.name};" for s in message.structs]
    lines += names + [""] if names else []
    lines += members(message.root) + [
        "",
        f"  static Result<{message.name}> decode(Reader& in, int16_t version);",
        "  void encode(Writer& out, int16_t version) const;",
        equality(message.root),
        "};",
        "",
    ]
    return lines


def api_struct(api):
    return [
        f"struct {api.name} {{",
        f"  using Request = {api.name}Request;",
        f"  using Response = {api.name}Response;",
        f"  static constexpr ApiKey kApi = ApiKey::{cpp.constant(api.name)};",
        "};",
        "",
    ]


def emit(api):
    lines = [cpp.NOTICE.format(api.stem + ".msg"), f"// {api.about}", "#pragma once", ""]
    lines += ["#include <chronik/abi.h>", "#include <chronik/result.hpp>", ""]
    lines += [f"#include <{name}>" for name in ("cstdint", "optional", "string_view", "vector")]
    lines += ["", '#include "kafka-proto/messages/api_table.h"', '#include "kafka-proto/wire/types.h"', ""]
    lines += ["namespace chronik::kafka {", "", "class Reader;", "class Writer;", ""]
    for message in api.messages:
        lines += message_struct(api, message)
    if api.name:
        lines += api_struct(api)
    return "\n".join(lines + ["}  // namespace chronik::kafka", ""])
