"""For each API the requests that are all right, whose fields are then taken to their edges; and which edges are left out."""
import batches
from sides import NO_TOPIC, ZERO_ID, epoch, topic_id

MIB = 1 << 20


def partition_rows(name, topic, row):
    """Topics with one partition, for versions by name and by id: the codec leaves out what a version lacks."""
    return [{name: topic, "topic_id": topic_id(topic), "partitions": [row]}]


def fetch(partition=0, **options):
    row = {"partition": partition, "fetch_offset": 0, "partition_max_bytes": MIB, "current_leader_epoch": epoch(0),
           "log_start_offset": -1}
    return {"replica_id": -1, "max_wait_ms": 0, "min_bytes": 0, "max_bytes": MIB, "isolation_level": 0, "rack_id": "",
            "topics": partition_rows("topic", "plain", row), **options}


def produce(records, topic="sink", partition=0, acks=-1, **options):
    return {"acks": acks, "timeout_ms": 30_000, "topic_data": [
        {"name": topic, "topic_id": topic_id(topic), "partition_data": [{"index": partition, "records": records}]}], **options}


def list_offsets(timestamp, partition=0, **options):
    return {"replica_id": -1, "isolation_level": 0, "timeout_ms": 1000, "topics": [{"name": "plain", "partitions": [
        {"partition_index": partition, "current_leader_epoch": -1, "timestamp": timestamp}]}], **options}


def metadata(**topic):
    return {"topics": [topic], "allow_auto_topic_creation": False, "include_topic_authorized_operations": True,
            "include_cluster_authorized_operations": True}


def create_topics(**topic):
    return {"topics": [{"name": "made-up", "num_partitions": 1, "replication_factor": 1, "assignments": [], "configs": [], **topic}],
            "timeout_ms": 30_000, "validate_only": True}


def create_partitions(count, assignments):
    return {"topics": [{"name": "grows", "count": count, "assignments": assignments}], "timeout_ms": 30_000, "validate_only": True}


def describe_configs(kind, name, keys):
    return {"resources": [{"resource_type": kind, "resource_name": name, "configuration_keys": keys}], "include_synonyms": True,
            "include_documentation": False}


def alter(kind, name, key, value, **config):
    return {"resources": [{"resource_type": kind, "resource_name": name, "configs": [{"name": key, "value": value, **config}]}],
            "validate_only": True}


TOPIC, BROKER, GROUP = 2, 4, 32

# API: [(name of the base, body, first version, path of the fields that it is for if not all)]
BASES = {
    "Produce": [("batch", produce(batches.batch()), 0)],
    "Fetch": [
        ("plain", fetch(), 0),
        ("compressed", fetch(1), 0, "topics.partitions."),
        ("nothing", fetch(2), 0, "topics.partitions."),
        ("forgets", fetch(session_id=0, session_epoch=-1, forgotten_topics_data=[
            {"topic": "plain", "topic_id": topic_id("plain"), "partitions": [1]}]), 7, "forgotten"),
    ],
    "ListOffsets": [("latest", list_offsets(-1), 0), ("time", list_offsets(batches.TIME + 5), 0),
                    ("compressed", list_offsets(-3, 1), 0, "topics.partitions."),
                    ("nothing", list_offsets(-1, 2), 0, "topics.partitions.")],
    "Metadata": [("name", metadata(topic_id=ZERO_ID, name="plain"), 0), ("id", metadata(topic_id=topic_id("plain"), name=None), 10)],
    "ApiVersions": [("client", {"client_software_name": "compare", "client_software_version": "1.0"}, 0)],
    "CreateTopics": [
        ("count", create_topics(configs=[{"name": "retention.ms", "value": "1000"}]), 0),
        ("assigned", create_topics(num_partitions=-1, replication_factor=-1,
                                   assignments=[{"partition_index": 0, "broker_ids": [1]}]), 0),
    ],
    "DeleteTopics": [("by-name", {"timeout_ms": 30_000, "topic_names": ["nobody"], "topics": [
        {"name": "nobody", "topic_id": ZERO_ID}]}, 0),
                     ("by-id", {"timeout_ms": 30_000, "topics": [{"name": None, "topic_id": NO_TOPIC}]}, 6)],
    "DeleteRecords": [("below", {"timeout_ms": 30_000, "topics": [{"name": "trimmed", "partitions": [
        {"partition_index": 0, "offset": 1}]}]}, 0)],
    "InitProducerId": [("idempotent", {"transactional_id": None, "transaction_timeout_ms": 60_000}, 0)],
    "OffsetForLeaderEpoch": [("current", {"replica_id": -1, "topics": [{"topic": "plain", "partitions": [
        {"partition": 0, "current_leader_epoch": -1, "leader_epoch": epoch(0)}]}]}, 0)],
    "DescribeConfigs": [
        ("topic", describe_configs(TOPIC, "configured", ["retention.ms", "max.message.bytes", "cleanup.policy"]), 0),
        ("broker", describe_configs(BROKER, "1", ["log.retention.ms", "num.partitions"]), 0),
        ("default", describe_configs(BROKER, "", ["log.retention.ms"]), 0),
        ("group", describe_configs(GROUP, "consumers", ["consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"]), 0),
    ],
    "AlterConfigs": [("topic", alter(TOPIC, "configured", "retention.ms", "1000"), 0),
                     ("broker", alter(BROKER, "1", "log.retention.ms", "1000"), 0),
                     ("default", alter(BROKER, "", "log.retention.ms", "1000"), 0),
                     ("group", alter(GROUP, "consumers", "consumer.heartbeat.interval.ms", "6000"), 0)],
    "IncrementalAlterConfigs": [("topic", alter(TOPIC, "configured", "retention.ms", "1000", config_operation=0), 0),
                                ("list", alter(TOPIC, "configured", "cleanup.policy", "delete", config_operation=2), 0),
                                ("broker", alter(BROKER, "1", "log.retention.ms", "1000", config_operation=0), 0),
                                ("default", alter(BROKER, "", "log.retention.ms", "1000", config_operation=0), 0),
                                ("group", alter(GROUP, "consumers", "consumer.heartbeat.interval.ms", "6000", config_operation=0), 0)],
    "DescribeLogDirs": [("one", {"topics": [{"topic": "plain", "partitions": [0]}]}, 0)],
    "CreatePartitions": [("count", create_partitions(3, None), 0),
                         ("assigned", create_partitions(3, [{"broker_ids": [1]}, {"broker_ids": [1]}]), 0)],
    "ElectLeaders": [("preferred", {"election_type": 0, "timeout_ms": 30_000, "topic_partitions": [
        {"topic": "plain", "partitions": [0]}]}, 0)],
    "AlterPartitionReassignments": [("stays", {"timeout_ms": 30_000, "topics": [
        {"name": "plain", "partitions": [{"partition_index": 0, "replicas": [1]}]}]}, 0)],
    "ListPartitionReassignments": [("one", {"timeout_ms": 30_000, "topics": [{"name": "plain", "partition_indexes": [0]}]}, 0)],
    "UpdateFeatures": [("same", {"validate_only": True, "feature_updates": [
        {"feature": "metadata.version", "max_version_level": 30}]}, 0)],
    "DescribeQuorum": [("catalog", {"topics": [{"topic_name": "__cluster_metadata", "partitions": [{"partition_index": 0}]}]}, 0)],
    "DescribeCluster": [("brokers", {"include_cluster_authorized_operations": True}, 0)],
    "DescribeProducers": [("one", {"topics": [{"name": "plain", "partition_indexes": [0]}]}, 0)],
    "UnregisterBroker": [("unknown", {"broker_id": 7}, 0)],
    "ListConfigResources": [("all", {"resource_types": []}, 0), ("topics", {"resource_types": [TOPIC]}, 1)],
    "DescribeTopicPartitions": [("topic", {"topics": [{"name": "plain"}]}, 0),
                                ("page", {"topics": [{"name": "plain"}, {"name": "sink"}], "response_partition_limit": 1,
                                          "cursor": {"topic_name": "plain", "partition_index": 1}}, 0)],
}

# By Kafka: it fails inside, and forgets whom to tell.
NEVER_ANSWERED = {("Produce", "topic_data.partition_data.records", "null"), ("AlterConfigs", "resources", "twice")}


def harmless(api, version, base, path, label):
    """Which edges may be sent: none that deletes or changes what other requests meet, and none that makes topics on the way."""
    if path.endswith("config_operation") and label not in ("zero", "one", "two"):
        return (version, base, label) == (1, "topic", "seven")  # Kafka's controller resigns over it, for more than a second
    if api == "CreatePartitions" and (path, label) == ("topics.count", "min"):
        return version == 3  # the same
    if api in ("CreateTopics", "CreatePartitions", "AlterConfigs", "IncrementalAlterConfigs"):
        return (path, label) != ("validate_only", "false")
    if api in ("DeleteTopics", "DeleteRecords"):
        return not label.endswith("real")
    if api == "UnregisterBroker":
        return label != "one"  # itself
    if api == "Metadata":
        return (path, label) != ("allow_auto_topic_creation", "true") and (version > 3 or label != "unknown")
    return api != "Produce" or label != "real" and (path, label) != ("acks", "zero")  # families.acknowledgements has it
