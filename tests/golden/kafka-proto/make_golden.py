#!/usr/bin/env python3
"""Writes kafka-bytes.txt: messages as Apache Kafka's own code serialises them, for the codec's tests to agree with.

    make_golden.py <folder with the kafka-clients, jackson and slf4j jars> [--records <folder of JSON files>]

Every version of every message that has a file in plugins/kafka-proto/schemas, with values drawn from a fixed seed
according to Kafka's definitions (not ours). named-bytes.txt holds the few messages whose values the tests spell out.
With --records it writes kafka-record-bytes.txt instead: what coordinators store, by schemas/records; the definitions come
from Kafka's sources, as no jar has them, and the jars are the kafka-group-coordinator's and -transaction-coordinator's too.
Needs Java 17. Run again after adding message files or for a newer Kafka.
"""

import argparse
import base64
import json
import pathlib
import random
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "compat"))
import schema_check  # noqa: E402  (found through the line above)
from schema_check import schema  # noqa: E402

SEED = 20260701
CASES_PER_VERSION = 2
BITS = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}

NAMED = {
    "request-header": ("RequestHeader", 2, {
        "requestApiKey": 1, "requestApiVersion": 17, "correlationId": 7, "clientId": "console"}),
    "produce-request": ("ProduceRequest", 9, {
        "transactionalId": None, "acks": -1, "timeoutMs": 1500, "topicData": [
            {"name": "orders", "partitionData": [{"index": 3, "records": "AAECAwQ="}]}]}),
    "produce-response": ("ProduceResponse", 10, {
        "responses": [{"name": "orders", "partitionResponses": [
            {"index": 3, "errorCode": 6, "baseOffset": -1, "logAppendTimeMs": -1, "logStartOffset": -1,
             "recordErrors": [], "errorMessage": None, "currentLeader": {"leaderId": 2, "leaderEpoch": 9}}]}],
        "throttleTimeMs": 0,
        "nodeEndpoints": [{"nodeId": 2, "host": "b", "port": 9092, "rack": None}]}),
    "fetch-response": ("FetchResponse", 4, {
        "throttleTimeMs": 5, "responses": [{"topic": "t", "partitions": [
            {"partitionIndex": 0, "errorCode": 0, "highWatermark": 12, "lastStableOffset": 11,
             "abortedTransactions": [{"producerId": 1000, "firstOffset": 4}], "records": "cmVjb3Jkcw=="}]}]}),
    "metadata-request": ("MetadataRequest", 12, {
        "topics": None, "allowAutoTopicCreation": False, "includeTopicAuthorizedOperations": True}),
}


class Generator:
    def __init__(self):
        self.random = random.Random(SEED)

    def message(self, definition, version):
        common = {struct["name"]: struct["fields"] for struct in definition.get("commonStructs", [])}
        return self.struct(definition["fields"], common, version)

    def struct(self, fields, common, version):
        value = {}
        for field in fields:
            if version not in schema_check.versions(field.get("versions", field.get("taggedVersions"))):
                continue
            if version in schema_check.versions(field.get("taggedVersions")) and self.random.random() < 0.5:
                continue
            value[field["name"][0].lower() + field["name"][1:]] = self.field(field, common, version)
        return value

    def field(self, field, common, version):
        if version in schema_check.versions(field.get("nullableVersions")) and self.random.random() < 0.25:
            return None
        kind = field["type"].removeprefix("[]")
        inner = field.get("fields") or common.get(kind)
        make = (lambda: self.struct(inner, common, version)) if inner else (lambda: self.primitive(kind))
        if not field["type"].startswith("[]"):
            return make()
        # Kafka keeps some arrays as sets: elements with equal keys would vanish, so there is at most one of those.
        most = 1 if inner and any(f.get("mapKey") for f in inner) else 2
        return [make() for _ in range(self.random.randint(0, most))]

    def primitive(self, kind):
        if kind == "bool":
            return self.random.random() < 0.5
        if kind in BITS:
            return self.random.randint(-(1 << BITS[kind]), (1 << BITS[kind]) - 1)
        if kind in ("uint16", "uint32"):
            return self.random.getrandbits(int(kind.removeprefix("uint")))
        if kind == "float64":
            return self.random.random()
        if kind == "string":
            return "".join(self.random.choice("abcxyz.-é€") for _ in range(self.random.choice((0, 1, 7, 130))))
        if kind == "uuid":
            return base64.urlsafe_b64encode(self.random.randbytes(16)).decode().rstrip("=")
        return base64.b64encode(self.random.randbytes(self.random.choice((0, 1, 40, 200)))).decode()


def serialise(jars, cases):
    """The bytes of (message, version, value) cases, as hex."""
    lines = "".join(f"{name} {version} {json.dumps(value)}\n" for name, version, value in cases)
    command = ["java", "-cp", f"{jars}/*", str(HERE / "KafkaBytes.java")]
    output = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")
    return output[:len(cases)]


def write(name, about, labels, hexes):
    body = "".join(f"{label} {text}\n" for label, text in zip(labels, hexes))
    (HERE / name).write_text(f"# {about} Made by make_golden.py.\n{body}", encoding="utf-8")


def write_cases(name, kafka, jars, records):
    generator, cases = Generator(), []
    for api in schema.load(schema_check.PROTO / "schemas"):
        for message in api.messages if bool(api.record) == records else []:
            for version in message.versions:
                for _ in range(CASES_PER_VERSION):
                    cases.append((message.name, version, generator.message(kafka[message.name], version)))
    write(name, "message, version, bytes.", [f"{c[0]} {c[1]}" for c in cases], serialise(jars, cases))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jars", type=pathlib.Path)
    parser.add_argument("--records", type=pathlib.Path)
    arguments = parser.parse_args()
    jars = arguments.jars
    if arguments.records:
        return write_cases("kafka-record-bytes.txt", schema_check.load_kafka(arguments.records), jars, records=True)
    write_cases("kafka-bytes.txt", schema_check.load_kafka(next(jars.glob("kafka-clients-*.jar"))), jars, records=False)
    named = [f"{label} {case[0]} {case[1]}" for label, case in NAMED.items()]
    write("named-bytes.txt", "label, message, version, bytes.", named, serialise(jars, list(NAMED.values())))


if __name__ == "__main__":
    main()
