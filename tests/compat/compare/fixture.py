"""The topics that both sides have before the first request, made in the same way."""
import batches

KEPT = [("retention.ms", "-1"), ("retention.bytes", "-1")]
# name: (partitions, configs)
TOPICS = {
    "plain": (3, []),
    "sink": (2, []),
    "stamped": (1, [("message.timestamp.type", "LogAppendTime")]),
    "small": (1, [("max.message.bytes", "120")]),
    "gzipped": (1, [("compression.type", "gzip")]),
    "configured": (1, [("retention.ms", "86400000"), ("max.message.bytes", "2000000"), ("cleanup.policy", "delete")]),
    "grows": (1, []),
    "gone": (1, []),
    "trimmed": (1, []),
}
BATCHES = 3  # in partition 0 of plain, of two records each; one compressed in partition 1, none in partition 2


def creation(names):
    """The fields of CreateTopics for some of them, or for plain ones of one partition."""
    rows = []
    for name in names:
        partitions, configs = TOPICS.get(name, (1, []))
        given = dict(KEPT + configs)
        rows.append({"name": name, "num_partitions": partitions, "replication_factor": 1, "assignments": [],
                     "configs": [{"name": key, "value": value} for key, value in given.items()]})
    return {"topics": rows, "timeout_ms": 60_000, "validate_only": False}


def led(answer):
    return all(t.get("error_code", 0) == 0 and all(p["error_code"] == 0 for p in t["partitions"]) for t in answer["topics"])


def metadata(names):
    return {"topics": [{"name": name} for name in names], "allow_auto_topic_creation": False}


def fill(side):
    """Records whose times are far from now and apart from each other."""
    def produce(partition, data, topic="plain"):
        answer = side.ask("Produce", 8, {"acks": -1, "timeout_ms": 30_000, "topic_data": [
            {"name": topic, "partition_data": [{"index": partition, "records": data}]}]})
        row = answer["responses"][0]["partition_responses"][0]
        if row["error_code"] != 0:
            raise RuntimeError(f"{side.name}: the fixture's records: {row}")

    for number in range(BATCHES):
        time = batches.TIME + 10 * number
        produce(0, batches.batch(base_timestamp=time, max_timestamp=time + 1))
        produce(0, batches.batch(base_timestamp=time, max_timestamp=time + 1), "trimmed")
    records = b"".join(batches.record(i, value=b"compressed") for i in range(5))
    produce(1, batches.batch(5, payload=batches.gzip(records), codec=1))


def make(side, extra):
    """extra: names of topics that single cases change or delete."""
    names = [*TOPICS, *extra]
    side.ask_until("Metadata", 1, {"topics": []}, lambda a: len(a["brokers"]) == 1)
    side.ask("CreateTopics", 7, creation(names))
    answer = side.ask_until("Metadata", 12, metadata(names), led)
    for topic in answer["topics"]:
        side.ids[topic["name"]] = topic["topic_id"]
        side.names[topic["topic_id"]] = f"id-of-{topic['name']}"
    side.ask_until("ListOffsets", 4, {"replica_id": -1, "topics": [  # Metadata may tell of a leader that does not know it yet
        {"name": t["name"], "partitions": [{"partition_index": p["partition_index"], "timestamp": -1} for p in t["partitions"]]}
        for t in answer["topics"]]}, led)
    side.ask_until("InitProducerId", 1, {"transactional_id": None, "transaction_timeout_ms": 1000}, lambda a: a["error_code"] == 0)
    side.cluster_id = answer["cluster_id"]
    side.first_epoch = next(p["leader_epoch"] for t in answer["topics"] if t["name"] == "plain" for p in t["partitions"])
    fill(side)
    side.ask("DeleteTopics", 5, {"topic_names": ["gone"], "timeout_ms": 60_000})
    side.ask_until("Metadata", 12, metadata(["gone"]), lambda a: a["topics"][0]["error_code"] == 3)
