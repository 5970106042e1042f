"""Every field of a request at its edges, one at a time: the request that is all right with one value changed."""
import copy

import bases
import codec
from sides import Case, NO_TOPIC, ZERO_ID, epoch, topic_id

BITS = {"int8": 8, "int16": 16, "error": 16, "int32": 32, "int64": 64}
LEADER_EPOCHS = {"current_leader_epoch", "leader_epoch", "last_fetched_epoch"}
LONG_NAME = "x" * 250  # one more than a topic's may have
STRINGS = [("empty", ""), ("null", None), ("unknown", "nobody"), ("slash", "a/b"), ("dots", ".."), ("long", LONG_NAME),
           ("umlaut", "\u00fc"), ("real", "plain"), ("catalog", "__cluster_metadata")]
IDS = [("zero", ZERO_ID), ("one", bytes(15) + b"\1"), ("unknown", NO_TOPIC), ("real", topic_id("plain")), ("gone", topic_id("gone"))]


def numbers(kind):
    if kind in ("uint16", "uint32"):
        return [("zero", 0), ("one", 1), ("max", (1 << int(kind[4:])) - 1)]
    top = 1 << BITS[kind] - 1
    return [("zero", 0), ("one", 1), ("two", 2), ("seven", 7), ("minus-one", -1), ("minus-two", -2), ("minus-seven", -7),
            ("max", top - 1), ("min", -top)]


def singles(field):
    """(label, value) of one value of a field's type."""
    if field.is_struct():
        return [("null", None)] if not field.nullable.empty() else []
    if field.type == "bool":
        return [("true", True), ("false", False)]
    if field.type == "uuid":
        return IDS
    if field.type == "string":
        return STRINGS
    if field.type in ("bytes", "records"):
        return [("null", None), ("empty", b""), ("garbage", b"\0\1\2\3" * 20)]
    if field.name in LEADER_EPOCHS:  # the first is 0 in Kafka, 1 here
        return numbers(field.type)[2:] + [("current", epoch(0)), ("next", epoch(1))]
    if field.name == "timeout_ms":  # what is too short is a race, on both sides
        return [(label, value) for label, value in numbers(field.type) if label == "max"]
    return numbers(field.type)


def arrays(field, value, of_one):
    """of_one: (label, value) of its elements."""
    first = (value or [])[:1]
    rows = [("empty", []), ("null", None), ("twice", first + first)]
    if not field.is_struct():
        rows += [(f"of-{label}", [each]) for label, each in of_one]
        rows += [(f"and-{label}", first + [each]) for label, each in of_one[:3]]
    return rows


def fields_of(struct, version, value, path=()):
    """(path, field, value) of every field that the version has and the request reaches."""
    for field in struct.fields:
        if version not in field.versions:
            continue
        here = value.get(field.name, codec.default_of(field))
        yield (*path, field.name), field, here
        if field.is_struct() and field.array and here:
            yield from fields_of(field.struct, version, here[0], (*path, field.name, 0))
        elif field.is_struct() and not field.array and here is not None:
            yield from fields_of(field.struct, version, here, (*path, field.name))


def changed(body, path, value):
    body = copy.copy(body)
    if len(path) == 1:
        body[path[0]] = value
    elif path[1] == 0:
        rows = list(body[path[0]])
        rows[0] = changed(rows[0], path[2:], value)
        body[path[0]] = rows
    else:
        body[path[0]] = changed(body.get(path[0], {}), path[1:], value)
    return body


def shown(path):
    return ".".join(p for p in path if p != 0)


def cases(api, version, base, body, allowed, **options):
    """allowed: by path and label; the others would change what other requests meet, or say nothing new."""
    yield Case(api, version, f"{base}:as-it-is", body, **options)
    for path, field, value in fields_of(api.message("request").root, version, body):
        field_edges = arrays(field, value, singles(field)) if field.array else singles(field)
        for label, edge in field_edges:
            if allowed(shown(path), label):
                patient = (api.name, shown(path), label) in bases.NEVER_ANSWERED
                yield Case(api, version, f"{base}:{shown(path)}={label}", changed(body, path, edge), patient=patient, **options)
