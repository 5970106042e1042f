"""Requests that single fields at their edges do not reach: the bytes of frames and batches, keys of configs, one after another."""
import struct

import batches
from bases import BROKER, GROUP, TOPIC, alter, create_topics, describe_configs, fetch, list_offsets, metadata, produce
from batches import TIME, batch, record
from sides import BY_NAME, Case, ZERO_ID, epoch, memory, topic_id

TOPIC_KEYS = """cleanup.policy compression.gzip.level compression.lz4.level compression.type compression.zstd.level delete.retention.ms
    file.delete.delay.ms flush.messages flush.ms follower.replication.throttled.replicas index.interval.bytes
    leader.replication.throttled.replicas local.retention.bytes local.retention.ms max.compaction.lag.ms max.message.bytes
    message.timestamp.after.max.ms message.timestamp.before.max.ms message.timestamp.type min.cleanable.dirty.ratio min.compaction.lag.ms
    min.insync.replicas preallocate remote.copy.disable remote.log.delete.on.disable remote.storage.enable retention.bytes retention.ms
    segment.bytes segment.index.bytes segment.jitter.ms segment.ms unclean.leader.election.enable""".split()
BROKER_KEYS = """advertised.listeners auto.create.topics.enable background.threads compression.type default.replication.factor
    delete.topic.enable follower.replication.throttled.rate leader.replication.throttled.rate log.cleaner.threads log.cleanup.policy
    log.flush.interval.ms log.message.timestamp.after.max.ms log.message.timestamp.type log.retention.bytes log.retention.hours
    log.retention.ms log.roll.ms log.segment.bytes max.connections max.connections.per.ip message.max.bytes min.insync.replicas node.id
    num.io.threads num.network.threads num.partitions num.replica.fetchers unclean.leader.election.enable""".split()
GROUP_KEYS = """consumer.assignment.interval.ms consumer.heartbeat.interval.ms consumer.session.timeout.ms
    share.heartbeat.interval.ms""".split()
VALUES = [("empty", ""), ("zero", "0"), ("one", "1"), ("minus-one", "-1"), ("minus-two", "-2"), ("twelve", "12"), ("word", "nobody"),
          ("fraction", "0.5"), ("true", "true"), ("int-max", "2147483647"), ("long-max", "9223372036854775807"),
          ("more", "9223372036854775808"), ("spaces", " 1048576 "), ("delete", "delete"), ("compact", "compact"),
          ("both", "compact,delete"), ("comma", "delete,"), ("gzip", "gzip"), ("capital", "GZIP"), ("append-time", "LogAppendTime"),
          ("all", "*"), ("throttled", "0:1,1:1"), ("null", None)]


def versions(name, offered):
    return [(BY_NAME[name], version) for version in offered.get(name, [])]


# ---- frames ----
def header(key, version, client=struct.pack(">h", 7) + b"compare", tags=b""):
    return struct.pack(">hhi", key, version, 1) + client + tags


def frames(offered):
    """What is no request, and what stands around one."""
    api = BY_NAME["ApiVersions"]
    for label, data in (("empty", b""), ("one-byte", b"\0"), ("key-only", b"\0\x12"), ("no-client", header(18, 0)[:8]),
                        ("half-length", header(18, 0)[:9]), ("zeros", bytes(40)), ("http", b"GET / HTTP/1.1\r\n\r\n")):
        yield Case(api, 0, f"frame:{label}", raw=data)
    for label, client in (("minus-two", struct.pack(">h", -2)), ("min", struct.pack(">h", -32768)), ("beyond", struct.pack(">h", 100)),
                          ("not-utf8", struct.pack(">h", 2) + b"\xff\xfe")):
        yield Case(api, 0, f"frame:client-{label}", raw=header(18, 0, client))
    for key in (-1, -32768, 32767, 9999, 4, 5, 6, 7):
        yield Case(api, 0, f"frame:key={key}", raw=header(key, 0) + bytes(40))
    for name, known in offered.items():
        for label, version in (("above", known[-1] + 1), ("below", known[0] - 1), ("max", 32767), ("min", -32768)):
            if not (name == "InitProducerId" and label == "above"):  # 6 is unstable in Kafka, which has its name already
                yield Case(BY_NAME[name], version, f"frame:version-{label}", raw=header(BY_NAME[name].key, version) + bytes(40))


def around(api, version, base, body, probe):
    """The request that is all right in frames that are not quite."""
    options = {"probe": probe}
    yield Case(api, version, f"{base}:null-client", body, client_id=None, **options)
    yield Case(api, version, f"{base}:empty-client", body, client_id="", **options)
    yield Case(api, version, f"{base}:long-client", body, client_id="c" * 1000, **options)
    yield Case(api, version, f"{base}:tail", body, tail=b"\0\1\2", **options)
    for cut in (1, 2, 5):
        yield Case(api, version, f"{base}:cut-{cut}", body, cut=cut, **options)
    if version in api.message("request").flexible:
        yield Case(api, version, f"{base}:unknown-tag", body, tag=True, **options)
        yield Case(api, version, f"{base}:unknown-tag-in-header", body, header_tag=True, **options)


# ---- configs ----
def configs(offered):
    for key in [*TOPIC_KEYS, "nobody.knows"]:
        for label, value in VALUES:
            entry = [{"name": key, "value": value}]
            for api, version in versions("CreateTopics", offered)[-1:]:
                yield Case(api, version, f"config:{key}={label}", create_topics(configs=entry))
            for api, version in versions("AlterConfigs", offered)[-1:]:
                yield Case(api, version, f"config:{key}={label}", alter(TOPIC, "configured", key, value))
            for api, version in versions("IncrementalAlterConfigs", offered)[-1:]:
                yield Case(api, version, f"config:{key}={label}", alter(TOPIC, "configured", key, value, config_operation=0))
        for operation, word in ((1, "delete"), (2, "append"), (3, "subtract")):
            for api, version in versions("IncrementalAlterConfigs", offered)[-1:]:
                body = alter(TOPIC, "configured", key, "delete", config_operation=operation)
                yield Case(api, version, f"operation:{key}:{word}", body)
    yield from broker_configs(offered)
    yield from group_configs(offered)


def broker_configs(offered):
    for key in [*BROKER_KEYS, "nobody.knows"]:
        for broker, shown in (("1", "one"), ("", "all"), ("7", "seven")):
            for label, value in (("empty", ""), ("one", "1"), ("minus-two", "-2"), ("word", "nobody"), ("big", "1048588"),
                                 ("null", None)):
                for api, version in versions("IncrementalAlterConfigs", offered)[-1:]:
                    body = alter(BROKER, broker, key, value, config_operation=0)
                    yield Case(api, version, f"broker-config:{shown}:{key}={label}", body)


def group_configs(offered):
    values = (("empty", ""), ("one", "1"), ("zero", "0"), ("below", "4999"), ("spaces", " 6000 "), ("interval", "15000"),
              ("between", "15001"), ("timeout", "60000"), ("above", "60001"), ("word", "nobody"), ("null", None))
    for key in [*GROUP_KEYS, "nobody.knows"]:
        for api, version in (*versions("IncrementalAlterConfigs", offered)[-1:], *versions("AlterConfigs", offered)[-1:]):
            operation = {"config_operation": 0} if api == "IncrementalAlterConfigs" else {}
            for label, value in values:
                yield Case(api, version, f"group-config:{key}={label}", alter(GROUP, "consumers", key, value, **operation))
        for operation, word in ((1, "delete"), (2, "append"), (3, "subtract")):
            for api, version in versions("IncrementalAlterConfigs", offered)[-1:]:
                yield Case(api, version, f"group-operation:{key}:{word}", alter(GROUP, "consumers", key, "6000", config_operation=operation))


def descriptions(offered):
    for api, version in versions("DescribeConfigs", offered):
        for label, kind, name in (("topic", TOPIC, "configured"), ("defaults", TOPIC, "plain"), ("broker", BROKER, "1"),
                                  ("all-brokers", BROKER, ""), ("group", GROUP, "consumers")):
            yield Case(api, version, f"all-keys:{label}", describe_configs(kind, name, None))
            yield Case(api, version, f"documented:{label}", {**describe_configs(kind, name, None), "include_documentation": True})
        for kind in (0, 1, 8, 16, 32, 64):
            for label, name in (("one", "1"), ("word", "nobody"), ("empty", "")):
                yield Case(api, version, f"kind-{kind}:{label}", describe_configs(kind, name, None))


def features(offered):
    """Levels that go up and down, checked only: so it is from version 1 on."""
    for api, version in versions("UpdateFeatures", offered)[1:]:
        for level in (0, 6, 7, 20, 25, 28, 29, 30, 31):
            for kind in (0, 1, 2, 3, 4):
                row = {"feature": "metadata.version", "max_version_level": level, "upgrade_type": kind}
                yield Case(api, version, f"level-{level}:kind-{kind}", {"feature_updates": [row], "validate_only": True})
        same = {"feature": "metadata.version", "max_version_level": 30, "upgrade_type": 1}
        for level in (-1, 0, 1):
            for kind in (1, 2, 3):
                row = {"feature": "nobody.version", "max_version_level": level, "upgrade_type": kind}
                for label, rows in (("alone", [row]), ("behind", [same, row]), ("before", [row, same])):
                    yield Case(api, version, f"unknown:{label}:level={level}:kind={kind}", {"feature_updates": rows, "validate_only": True})


# ---- batches ----
HEADER_EDGES = {
    "base_offset": (5, -1), "partition_leader_epoch": (0, 7, -2), "magic": (0, 1, 3, -1), "crc": (0, 1),
    "attributes": (5, 6, 7, 8, 16, 32, 48, 64, 128), "last_offset_delta": (0, 2, -1, 2147483647),
    "base_timestamp": (0, -1, -2, TIME + 5, 9223372036854775807),
    "max_timestamp": (0, -1, TIME, TIME + 7, 9223372036854775807),
    "producer_id": (0, -2), "producer_epoch": (0, 5), "base_sequence": (0, 5),
    "records_count": (0, 1, 3, -1, 2147483647), "batch_length": (0, -1, 48, 49, 60, 10000),
}
SOME = b"".join(record(i, value=bytes(range(256))) for i in range(2))


def odd_batches():
    yield "one", batch(1)
    yield "ten", batch(10)
    yield "no-records", batch(0)
    yield "empty-but-counted", batch(0, records_count=1, last_offset_delta=0)
    for name, edges in HEADER_EDGES.items():
        for edge in edges:
            yield f"{name}={edge}", batch(**{name: edge})
    yield "two-batches", batch() + batch()
    yield "half-a-batch", batch()[:-3]
    yield "half-behind-one", batch() + batch()[:30]
    yield "tail", batch() + b"\0\0\0"
    yield "null", None
    yield from odd_records()
    yield from compressed()


def odd_records():
    yield "null-key", batch([record(0, key=None)])
    yield "null-value", batch([record(0, value=None)])
    yield "headers", batch([record(0, headers=[(b"h", b"1"), (b"h", None), (b"", b"")])])
    yield "record-attributes", batch([record(0, attributes=1)])
    yield "offsets-0-0", batch([record(0), record(0)])
    yield "offsets-0-5", batch([record(0), record(5)])
    yield "offsets-1-2", batch([record(1), record(2)])
    yield "offsets-1-0", batch([record(1), record(0)])
    yield "earlier", batch([record(0), record(1, timestamp_delta=-5)])
    yield "record-too-short", batch([record(0, length=3)])
    yield "record-too-long", batch([record(0, length=300)])
    yield "record-length-minus-one", batch([record(0, length=-1)])
    yield "tail-in-batch", batch(payload=record(0) + record(1) + b"\0\0\0")
    yield "big", batch([record(0, value=bytes(2000))])


def compressed():
    yield "gzip", batch(payload=batches.gzip(SOME), codec=1)
    yield "snappy", batch(payload=batches.snappy(SOME), codec=2)
    yield "zstd", batch(payload=batches.zstd(SOME), codec=4)
    for codec, name in ((1, "gzip"), (2, "snappy"), (3, "lz4"), (4, "zstd")):
        yield f"not-{name}", batch(payload=SOME, codec=codec)
    yield "gzip-cut", batch(payload=batches.gzip(SOME)[:-9], codec=1)
    yield "gzip-tail", batch(payload=batches.gzip(SOME) + b"\0\0\0", codec=1)
    yield "gzip-one-record-more", batch(1, payload=batches.gzip(SOME), codec=1)
    yield "gzip-one-record-less", batch(3, payload=batches.gzip(SOME), codec=1)
    yield "gzip-offsets-0-5", batch(payload=batches.gzip(record(0) + record(5)), codec=1)
    yield "gzip-null-key", batch(payload=batches.gzip(record(0, key=None) + record(1)), codec=1)


def stored(label, topic):
    """What a reader then finds."""
    def end(side):
        return side.starts.get((topic, 0), 0)
    row = {"partition": 0, "fetch_offset": end, "partition_max_bytes": 1 << 20}
    return Case(BY_NAME["Fetch"], 12, f"stored:{topic}:{label}", fetch(topics=[{"topic": topic, "partitions": [row]}]), log=(topic, 0),
                follows=True)


def records(offered):
    all_versions = versions("Produce", offered)
    for label, data in odd_batches():
        for api, version in all_versions[-1:] if data is None else all_versions:
            yield Case(api, version, f"sink:{label}", produce(data), log=("sink", 0), patient=data is None)
            if version == 8:
                yield stored(label, "sink")
    for topic in ("stamped", "small", "gzipped"):
        for label, data in odd_batches():
            for api, version in all_versions:
                if version == 8 and data is not None:
                    yield Case(api, version, f"{topic}:{label}", produce(data, topic), log=(topic, 0))
                    yield stored(label, topic)
    yield from sequences(all_versions)
    for api, version in versions("DescribeProducers", offered):
        for label, partitions in (("all", [0, 1]), ("others", [1, 2, -1])):
            yield Case(api, version, f"sink:{label}", {"topics": [{"name": "sink", "partition_indexes": partitions}]})
            yield Case(api, version, f"stamped:{label}", {"topics": [{"name": "stamped", "partition_indexes": partitions}]})


def sequences(all_versions):
    """Idempotent producers, each version with an id of its own."""
    steps = [("first", 0, 0), ("again", 0, 0), ("next", 0, 2), ("gap", 0, 9), ("before", 0, 1), ("third", 0, 4), ("first-again", 0, 0),
             ("new-epoch", 1, 0), ("old-epoch", 0, 6), ("new-epoch-gap", 2, 5), ("newest", 7, 0), ("wraps", 7, 2147483647)]
    for api, version in all_versions:
        for label, producer_epoch, sequence in steps:
            data = batch(producer_id=4000 + version, producer_epoch=producer_epoch, base_sequence=sequence)
            yield Case(api, version, f"sequence:{label}", produce(data), log=("sink", 0))


def acknowledgements(offered):
    for api, version in versions("Produce", offered):
        yield Case(api, version, "acks-0:good", produce(batch(), acks=0), log=("sink", 0), probe=True, grows=True)
        yield Case(api, version, "acks-0:unknown", produce(batch(), "nobody-at-all", acks=0), log=("sink", 0), probe=True)
        yield Case(api, version, "acks-1:good", produce(batch(), acks=1), log=("sink", 0), grows=True)


# ---- reads ----
def reads(offered):
    for api, version in versions("Fetch", offered):
        for offset in (-1, -2, 1, 2, 3, 5, 6, 7, 9223372036854775807):
            body = fetch()
            body["topics"][0]["partitions"][0]["fetch_offset"] = offset
            yield Case(api, version, f"offset={offset}", body)
        for label, size in (("one-byte", 1), ("one-batch", 100), ("two-batches", 170)):
            body = fetch()
            body["topics"][0]["partitions"][0]["partition_max_bytes"] = size
            yield Case(api, version, f"partition-size:{label}", body)
            yield Case(api, version, f"size:{label}", fetch(max_bytes=size))
        yield Case(api, version, "waits", fetch(2, max_wait_ms=20, min_bytes=1))
        if version >= 7:
            yield from sessions(api, version)
    for api, version in versions("ListOffsets", offered):
        for time in [*range(-7, 1), *range(TIME - 1, TIME + 24, 3), 9223372036854775807]:
            for partition in (0, 1, 2):
                label = f"+{time - TIME}" if TIME <= time < TIME + 99 else time
                yield Case(api, version, f"time:{partition}:{label}", list_offsets(time, partition))
    for api, version in versions("OffsetForLeaderEpoch", offered):
        for label, asked in (("now", epoch(0)), ("after", epoch(1))):
            for partition in (0, 1, 2, 3):
                row = {"partition": partition, "current_leader_epoch": -1, "leader_epoch": asked}
                yield Case(api, version, f"epoch:{partition}:{label}", {"replica_id": -1, "topics": [
                    {"topic": "plain", "partitions": [row]}]})


def sessions(api, version):
    name = f"session-{version}"
    kept = memory(name)
    yield Case(api, version, "session:opens", fetch(session_id=0, session_epoch=0), remember=(name, lambda answer: answer["session_id"]))
    row = {"topic": "plain", "topic_id": topic_id("plain"), "partitions": [1]}
    nothing = {"topics": [], "session_id": kept}
    yield Case(api, version, "session:nothing-new", fetch(**nothing, session_epoch=1))
    yield Case(api, version, "session:same-epoch", fetch(**nothing, session_epoch=1))
    yield Case(api, version, "session:later-epoch", fetch(**nothing, session_epoch=7))
    yield Case(api, version, "session:adds", fetch(1, session_id=kept, session_epoch=2))
    yield Case(api, version, "session:forgets", fetch(**nothing, session_epoch=3, forgotten_topics_data=[row]))
    yield Case(api, version, "session:forgets-all", fetch(**nothing, session_epoch=4, forgotten_topics_data=[{**row, "partitions": [0]}]))
    yield Case(api, version, "session:closes", fetch(**nothing, session_epoch=-1))
    yield Case(api, version, "session:closed", fetch(**nothing, session_epoch=5))


def wholes(offered):
    """Requests that ask for everything, or for much."""
    for api, version in versions("Metadata", offered):
        yield Case(api, version, "all", {**metadata(), "topics": None if version else []})
        if version >= 12:
            rows = [{"topic_id": topic_id("plain"), "name": None}, {"topic_id": ZERO_ID, "name": "sink"}]
            yield Case(api, version, "ids-and-names", {**metadata(), "topics": rows})
    for api, version in versions("CreateTopics", offered)[-1:]:
        for count in (9_999, 10_000, 10_001):
            yield Case(api, version, f"partitions={count}", create_topics(num_partitions=count))
    for api, version in versions("ListConfigResources", offered)[-1:]:
        for kinds in ([0], [1], [2], [4], [8], [16], [32], [64], [-1], [4, 4], [16, 32], [2, 3]):
            yield Case(api, version, f"kinds={kinds}", {"resource_types": kinds})
    for name, label, body in (("DescribeLogDirs", "all", {"topics": None}), ("ListPartitionReassignments", "all", {"topics": None}),
                              ("ElectLeaders", "all-preferred", {"election_type": 0, "topic_partitions": None}),
                              ("ElectLeaders", "all-unclean", {"election_type": 1, "topic_partitions": None}),
                              ("DescribeTopicPartitions", "all", {"topics": []})):
        for api, version in versions(name, offered):
            yield Case(api, version, label, body)
