"""Emits message_fixtures.h for the tests: random values for every message, and a walk over all messages."""

import cpp


def random_value(field, target):
    if field.is_struct():
        return [f"randomize(random, version, {target});"]
    return [f"random.fill({target});"]


def random_field(field):
    member = f"value.{field.name}"
    if not cpp.is_optional(field):
        if field.type == "records" and not field.array:
            null = cpp.condition_or_true(field.nullable, field.versions) if not field.nullable.empty() else "false"
            return [f"random.fill({member}, {null});"]
        return random_present(field, member)
    null = cpp.condition_or_true(field.nullable, field.versions)
    body = random_present(field, f"{member}.emplace()" if not field.array else f"(*{member})")
    if field.array:
        body = [f"{member}.emplace();"] + body
    return [f"if (({null}) && random.chance(4)) {{", f"  {member}.reset();", "} else {"] + \
        ["  " + line for line in body] + ["}"]


def random_present(field, member):
    if not field.array:
        return random_value(field, member)
    return [f"{member}.resize(random.below(4));", f"for (auto& element : {member}) "] + \
        ["  " + line for line in random_value(field, "element")]


def function(message, struct):
    name = message.name if struct is message.root else f"{message.name}::{struct.name}"
    lines = [f"inline void randomize(Random& random, int16_t version, {name}& value) {{"]
    for field in struct.fields:
        conditions = [cpp.condition(field.versions, struct.versions)]
        if field.tag is not None:
            conditions.append("random.chance(2)")
        conditions = [c for c in conditions if c]
        body = random_field(field)
        if conditions:
            body = [f"if ({' && '.join(conditions)}) {{"] + ["  " + line for line in body] + ["}"]
        lines += ["  " + line for line in body]
    if not cpp.uses("version", lines[1:]):
        lines[0] = lines[0].replace("int16_t version", "int16_t /*version*/")
    return lines + ["}", ""]


def emit(apis):
    lines = [cpp.NOTICE.format("*.msg"), "#pragma once", ""]
    lines += [f'#include "kafka-proto/messages/{api.stem}.h"' for api in apis]
    lines += ['#include "random_values.h"', "", "namespace chronik::kafka {", ""]
    for api in apis:
        for message in api.messages:
            for struct in message.structs + [message.root]:
                lines += function(message, struct)
    lines += ["// Calls visit.operator()<M>() for every message M.", "template <class Visit>",
              "void for_each_message(Visit&& visit) {"]
    lines += [f"  visit.template operator()<{m.name}>();" for api in apis for m in api.messages]
    return "\n".join(lines + ["}", "", "}  // namespace chronik::kafka", ""])
