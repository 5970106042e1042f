#!/usr/bin/env python3
"""Compares our Kafka message files, field by field, with Apache Kafka's own definitions.

    schema_check.py [kafka-clients-x.y.z.jar | folder of JSON files]

Without an argument: $KAFKA_MESSAGE_DEFINITIONS (jar or folder), then the jar in Maven's local repository. Without any,
exit 77 ("skipped") on a developer's machine and 1 where $CI is set. What coordinators store is compared where a folder has
a folder `records` with those definitions (group-coordinator/src/main/resources/common/message of Kafka's sources, and
transaction-coordinator's): no jar has them, so that golden bytes alone stand for them there. Order, names, types, versions, nullability, tags and
defaults must agree wherever the message has the field; names of structs are our own.
"""

import argparse
import json
import os
import pathlib
import re
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROTO = ROOT / "plugins/kafka-proto"
sys.path.insert(0, str(PROTO / "codegen"))
import schema  # noqa: E402  (found through the line above)

KAFKA_VERSION = "4.3.1"
MAVEN_JAR = pathlib.Path.home() / f".m2/repository/org/apache/kafka/kafka-clients/{KAFKA_VERSION}" \
    / f"kafka-clients-{KAFKA_VERSION}.jar"
SKIPPED = 77


def definition_texts(source):
    """(name, text) of every JSON definition in a clients jar or a folder."""
    source = pathlib.Path(source)
    if source.is_dir():
        return [(path.stem, path.read_text(encoding="utf-8")) for path in sorted(source.rglob("*.json"))]
    with zipfile.ZipFile(source) as jar:
        names = [n for n in jar.namelist() if n.startswith("common/message/") and n.endswith(".json")]
        return [(pathlib.PurePath(n).stem, jar.read(n).decode("utf-8")) for n in sorted(names)]


def load_kafka(source):
    """Kafka's definitions by message name."""
    found = {}
    for name, text in definition_texts(source):
        found[name] = json.loads(re.sub(r"(?m)^\s*//.*$", "", text))
    return found


def versions(text):
    return schema.NEVER if text in (None, "none") else schema.Versions.parse(text)


def plain(name):
    return name.replace("_", "").lower()


def default_of(kind, text):
    """A default in one form for both sides."""
    if text == "null":
        return None
    if kind in schema.INTEGERS + ("error",):
        return int(str(text or "0"), 0)
    if kind == "bool":
        return str(text or "false").lower() == "true"
    if kind == "float64":
        return float(text or 0)
    return text or ""


def row(path, kind, within, nullable, tag, default, inflexible):
    nullable = nullable.clip(within)
    return {
        "path": path,
        "type": kind,
        "versions": (within.low, within.high),
        "nullable": None if nullable.empty() else (nullable.low, nullable.high),
        "tag": tag,
        "default": default,
        "never compact": inflexible,
    }


def our_rows(struct, within, prefix=""):
    rows = []
    for field in struct.fields:
        mine = field.versions.clip(within)
        kind = "struct" if field.is_struct() else "int16" if field.type == "error" else field.type
        path = prefix + plain(field.name)
        rows.append(row(path, "[]" + kind if field.array else kind, mine, field.nullable, field.tag,
                        default_of("array" if field.array else kind, field.default), field.inflexible))
        if field.is_struct():
            rows += our_rows(field.struct, mine, path + ".")
    return rows


def kafka_rows(fields, common, within, prefix=""):
    rows = []
    for field in fields:
        mine = versions(field.get("versions", field.get("taggedVersions"))).clip(within)
        if mine.empty():
            continue
        array = field["type"].startswith("[]")
        name = field["type"].removeprefix("[]")
        kind = name if name in schema.PRIMITIVES else "struct"
        path = prefix + plain(field["name"])
        tagged = versions(field.get("taggedVersions")).clip(mine)
        tag = None if tagged.empty() else field["tag"]
        if tag is not None and tagged != mine:
            raise SystemExit(f"{path}: tagged in some versions only, which our schema language cannot say")
        rows.append(row(path, "[]" + kind if array else kind, mine, versions(field.get("nullableVersions")), tag,
                        default_of("array" if array else kind, kafka_default(field)),
                        field.get("flexibleVersions") == "none"))
        if kind == "struct":
            rows += kafka_rows(field.get("fields") or common[name], common, mine, path + ".")
    return rows


def kafka_default(field):
    value = field.get("default")
    return str(value).lower() if isinstance(value, bool) else None if value is None else str(value)


def compare_rows(name, ours, theirs):
    problems = []
    for mine, kafka in zip(ours, theirs):
        if mine["path"] != kafka["path"]:
            problems.append(f"{name}: field '{mine['path']}' stands where Kafka has '{kafka['path']}'")
            return problems  # everything behind it is shifted
        for aspect, value in mine.items():
            if value != kafka[aspect]:
                problems.append(f"{name}.{mine['path']}: {aspect} is {value}, in Kafka {kafka[aspect]}")
    for extra in ours[len(theirs):]:
        problems.append(f"{name}.{extra['path']}: Kafka has no such field")
    for missing in theirs[len(ours):]:
        problems.append(f"{name}.{missing['path']}: missing")
    return problems


def compare_message(api, message, kafka):
    """(problems, number of fields compared)"""
    definition = kafka.get(message.name)
    if definition is None:
        return [f"{message.name}: Kafka has no such message"], 0
    problems = []
    key = {"request": api.key, "response": api.key, "key": api.record_type, "value": api.record_type}.get(message.kind)
    if definition.get("apiKey") != key:
        problems.append(f"{message.name}: key {key}, in Kafka {definition.get('apiKey')}")
    valid = versions(definition["validVersions"])
    if valid != message.versions:
        problems.append(f"{message.name}: versions {message.versions}, in Kafka {valid}")
    flexible = versions(definition["flexibleVersions"]).clip(valid)
    mine = message.flexible.clip(message.versions)
    if flexible != mine and not (flexible.empty() and mine.empty()):
        problems.append(f"{message.name}: flexible {mine}, in Kafka {flexible}")
    common = {struct["name"]: struct["fields"] for struct in definition.get("commonStructs", [])}
    ours = our_rows(message.root, message.versions)
    return problems + compare_rows(message.name, ours, kafka_rows(definition["fields"], common, valid)), len(ours)


def locate(argument):
    for candidate in (argument, os.environ.get("KAFKA_MESSAGE_DEFINITIONS"), MAVEN_JAR if MAVEN_JAR.exists() else None):
        if candidate:
            return candidate
    print("no definitions of Kafka: give the kafka-clients jar as argument or in KAFKA_MESSAGE_DEFINITIONS")
    sys.exit(1 if os.environ.get("CI") else SKIPPED)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="?", help="kafka-clients jar, or a folder of its JSON definitions")
    source = locate(parser.parse_args().source)
    kafka = load_kafka(source)
    if not kafka:
        sys.exit(f"{source}: holds no message definitions")
    problems, messages, fields, unknown = [], 0, 0, 0
    for api in schema.load(PROTO / "schemas"):
        if api.record and f"{api.record}Key" not in kafka:
            unknown += 1
            continue
        for message in api.messages:
            found, count = compare_message(api, message, kafka)
            problems, messages, fields = problems + found, messages + 1, fields + count
    print(f"compared {messages} messages, {fields} fields" + (f"; no definitions of {unknown} records" if unknown else ""))
    for problem in problems:
        print(problem)
    sys.exit(1 if problems or messages == 0 else 0)


if __name__ == "__main__":
    main()
