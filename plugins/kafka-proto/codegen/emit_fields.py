"""Emits message_fields.h for the tests: a walk over the fields of every request."""

import cpp


def function(message, struct):
    name = message.name if struct is message.root else f"{message.name}::{struct.name}"
    lines = ["template <class Visit>", f"void visit_fields({name}& value, int16_t version, Visit& visit) {{"]
    for field in struct.fields:
        condition = cpp.condition(field.versions, struct.versions)
        call = f'visit("{field.name}", value.{field.name});'
        lines.append(f"  if ({condition}) {call}" if condition else f"  {call}")
    if not cpp.uses("version", lines[2:]):
        lines[1] = lines[1].replace("int16_t version", "int16_t /*version*/")
    return lines + ["}", ""]


def emit(apis):
    apis = [api for api in apis if api.name]
    lines = [cpp.NOTICE.format("*.msg"), "#pragma once", ""]
    lines += [f'#include "kafka-proto/messages/{api.stem}.h"' for api in apis]
    lines += ["", "namespace chronik::kafka {", ""]
    for api in apis:
        message = api.message("request")
        for struct in message.structs + [message.root]:
            lines += function(message, struct)
    lines += ["// Calls visit.operator()<Api>() for every API.", "template <class Visit>", "void for_each_api(Visit&& visit) {"]
    lines += [f"  visit.template operator()<{api.name}>();" for api in apis]
    return "\n".join(lines + ["}", "", "}  // namespace chronik::kafka", ""])
