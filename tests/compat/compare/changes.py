"""Requests that change the catalog, each version on topics of its own, and what is then seen."""
import batches
from bases import GROUP, TOPIC, alter, create_topics, describe_configs, fetch, metadata, produce
from families import versions
from sides import BY_NAME, Case, ZERO_ID, topic_id

DOOMED, GROWING, ALTERED, CUT = "doomed", "growing", "altered", "cut"


def extra_topics(offered):
    """What the fixture has to make for them."""
    rows = [f"{DOOMED}-{version}-{kind}" for _, version in versions("DeleteTopics", offered) for kind in ("name", "id")]
    rows += [f"{CUT}-{version}" for _, version in versions("DeleteRecords", offered)]
    rows += [f"{GROWING}-{version}" for _, version in versions("CreatePartitions", offered)]
    for api in ("AlterConfigs", "IncrementalAlterConfigs"):
        rows += [f"{ALTERED}-{api}-{version}" for _, version in versions(api, offered)]
    return rows


def seen(name, holds, label):
    return Case(BY_NAME["Metadata"], 12, f"seen:{label}", metadata(name=name), until=holds, follows=True)


def led(partitions):
    def holds(answer):
        topic = answer["topics"][0]
        found = [topic["error_code"], *(p["error_code"] for p in topic["partitions"])]
        return found == [0] * (1 + partitions)
    return holds


def gone(answer):
    return answer["topics"][0]["error_code"] == 3


def topics(offered):
    for api, version in versions("CreateTopics", offered):
        name = f"made-{version}"
        body = {**create_topics(name=name, num_partitions=2, configs=[{"name": "retention.ms", "value": "1000"}]), "validate_only": False}
        yield Case(api, version, "create:new", body)
        yield Case(api, version, "create:again", body)
        yield Case(api, version, "create:beside-it", {**create_topics(name=name.replace("-", "_")), "validate_only": True})
        yield seen(name, led(2), f"created-{version}")
    for api, version in versions("DeleteTopics", offered):
        for kind in ("name", "id"):
            name = f"{DOOMED}-{version}-{kind}"
            if version < 6 and kind == "id":
                continue
            topic = {"name": name, "topic_id": ZERO_ID} if kind == "name" else {"name": None, "topic_id": topic_id(name)}
            body = {"topic_names": [name], "topics": [topic], "timeout_ms": 30_000}
            yield Case(api, version, f"delete-by-{kind}:there", body)
            yield seen(name, gone, f"deleted-{version}")
            yield Case(api, version, f"delete-by-{kind}:gone", body)
    yield from partitions(offered)


def partitions(offered):
    for api, version in versions("CreatePartitions", offered):
        name = f"{GROWING}-{version}"

        def body(count, assignments=None):
            return {"topics": [{"name": name, "count": count, "assignments": assignments}], "timeout_ms": 30_000, "validate_only": False}
        yield Case(api, version, "grow:three", body(3))
        yield seen(name, led(3), f"grown-{version}")
        yield Case(api, version, "grow:three-again", body(3))
        yield Case(api, version, "grow:two", body(2))
        yield Case(api, version, "grow:assigned", body(4, [{"broker_ids": [1]}]))
        yield seen(name, led(4), f"grown-more-{version}")


def deletions(offered):
    """Records that are deleted, and what readers see of it: three batches of four."""
    for api, version in versions("DeleteRecords", offered):
        name = f"{CUT}-{version}"
        for number in range(3):
            times = {"base_timestamp": batches.TIME + 10 * number, "max_timestamp": batches.TIME + 10 * number + 3}
            yield Case(BY_NAME["Produce"], 8, f"cut:{version}:fills", produce(batches.batch(4, **times), name), follows=True)
        for offset in (0, 2, 1, 4, 7, 13, -2, 11, 12, -1):
            rows = [{"partition_index": 0, "offset": offset}, {"partition_index": 1, "offset": 0}]
            yield Case(api, version, f"delete:{offset}", {"timeout_ms": 30_000, "topics": [{"name": name, "partitions": rows}]})
            yield from after_deletion(name, f"{version}:{offset}")
        twice = [{"partition_index": 0, "offset": 99}, {"partition_index": 0, "offset": 3}]
        for label, topics in (("twice", [{"name": name, "partitions": twice}]),
                              ("apart", [{"name": name, "partitions": [row]} for row in twice])):
            yield Case(api, version, f"delete:{label}", {"timeout_ms": 30_000, "topics": topics})
        for internal in ("__consumer_offsets", "__transaction_state", "__cluster_metadata"):
            rows = [{"partition_index": 0, "offset": 0}]
            yield Case(api, version, f"delete:{internal}", {"timeout_ms": 30_000, "topics": [{"name": internal, "partitions": rows}]})


def after_deletion(name, label):
    for time in (-2, -1, -3, batches.TIME, batches.TIME + 1, batches.TIME + 3, batches.TIME + 13, batches.TIME + 14, batches.TIME + 24):
        rows = [{"partition_index": 0, "current_leader_epoch": -1, "timestamp": time}]
        body = {"replica_id": -1, "isolation_level": 0, "timeout_ms": 1000, "topics": [{"name": name, "partitions": rows}]}
        yield Case(BY_NAME["ListOffsets"], 11, f"cut:{label}:time={time}", body, follows=True)
    for offset in (0, 1, 2, 6, 7, 11, 12, 13):
        row = {"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1 << 20, "current_leader_epoch": -1}
        yield Case(BY_NAME["Fetch"], 12, f"cut:{label}:offset={offset}", fetch(topics=[{"topic": name, "partitions": [row]}]), follows=True)


def configs(offered):
    keys = ["retention.ms", "max.message.bytes", "cleanup.policy"]

    def described(name, label, value):
        def holds(answer):
            return any(row["name"] == "retention.ms" and row["value"] == value for row in answer["results"][0]["configs"])
        return Case(BY_NAME["DescribeConfigs"], 4, f"altered:{label}", describe_configs(TOPIC, name, keys), until=holds, follows=True)

    for api, version in versions("AlterConfigs", offered):
        name = f"{ALTERED}-AlterConfigs-{version}"
        body = {**alter(TOPIC, name, "retention.ms", "86400001"), "validate_only": False}
        yield Case(api, version, "really:one", body)
        yield described(name, f"one-{version}", "86400001")
    for api, version in versions("IncrementalAlterConfigs", offered):
        name = f"{ALTERED}-IncrementalAlterConfigs-{version}"
        steps = [("set", 0, "86400002", "86400002"), ("delete", 1, None, "604800000"), ("set-again", 0, "86400003", "86400003"),
                 ("append", 2, "1", "86400003"), ("subtract", 3, "1", "86400003")]
        for label, operation, value, then in steps:
            body = {**alter(TOPIC, name, "retention.ms", value, config_operation=operation), "validate_only": False}
            yield Case(api, version, f"really:{label}", body)
            yield described(name, f"{label}-{version}", then)


def group_configs(offered):
    key = "consumer.heartbeat.interval.ms"

    def described(name, label, value):
        def holds(answer):
            return any(row["name"] == key and row["value"] == value for row in answer["results"][0]["configs"])
        return Case(BY_NAME["DescribeConfigs"], 4, f"altered-group:{label}", describe_configs(GROUP, name, [key]), until=holds, follows=True)

    for api, version in versions("AlterConfigs", offered):
        name = f"consumers-AlterConfigs-{version}"
        body = {**alter(GROUP, name, key, "6000"), "validate_only": False}
        yield Case(api, version, "group:one", body)
        yield described(name, f"one-{version}", "6000")
    for api, version in versions("IncrementalAlterConfigs", offered):
        name = f"consumers-IncrementalAlterConfigs-{version}"
        for label, operation, value, then in (("set", 0, " 6000", "6000"), ("delete", 1, None, "5000"), ("again", 0, "7000", "7000"),
                                              ("append", 2, "1", "7000")):
            body = {**alter(GROUP, name, key, value, config_operation=operation), "validate_only": False}
            yield Case(api, version, f"group:{label}", body)
            yield described(name, f"{label}-{version}", then)


def made_on_the_way(offered):
    """Metadata of topics that are not there yet."""
    for api, version in versions("Metadata", offered):
        body = {**metadata(name=f"on-the-way-{version}", topic_id=ZERO_ID), "allow_auto_topic_creation": True}
        yield Case(api, version, "on-the-way:made", body, until=led(1))
        for name in ("__cluster_metadata", "a/b", "..", ""):
            body = {**metadata(name=name, topic_id=ZERO_ID), "allow_auto_topic_creation": True}
            yield Case(api, version, f"on-the-way:{name or 'empty'}", body)
    for api, version in versions("Metadata", offered)[-1:]:
        body = {**metadata(name="__consumer_offsets", topic_id=ZERO_ID), "allow_auto_topic_creation": True}
        yield Case(api, version, "on-the-way:__consumer_offsets", body)


