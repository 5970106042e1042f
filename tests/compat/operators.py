"""Kafka's tools for operators against three nodes: what they change, throttle and move, and what they show of it."""
import json
import pathlib
import tempfile

BATCHES = 40  # of about 16 KiB: a throttle of 1 byte a second lets one go every 10 s
LOOKS = 60


class Operators:
    def __init__(self, java, cluster):
        self.java = java
        self.cluster = cluster

    def checks(self):
        """Names, and what to call."""
        return [("kafka-configs adds and deletes configs of a topic", self.topic_configs),
                ("kafka-configs adds and deletes configs of brokers", self.broker_configs),
                ("kafka-reassign-partitions moves behind a throttle", self.throttled_move),
                ("kafka-features knows what it cannot upgrade", self.features),
                ("kafka-delete-records deletes up to an offset within a batch", self.deleted_records),
                ("kafka-transactions describes the producers of a partition", self.producers),
                ("kafka-cluster does not unregister a broker that is not there", self.unregistered),
                ("kafka-configs and kafka-client-metrics list what has configs", self.config_resources)]

    # ---- the tools ----
    def tool(self, main, *arguments):
        return self.java.tool(main, "--bootstrap-server", self.cluster.bootstrap, *arguments).decode()

    def configs(self, *arguments):
        return self.tool("kafka.admin.ConfigCommand", *arguments)

    def create(self, topic, *arguments):
        self.tool("TopicCommand", "--create", "--topic", topic, *arguments)

    def refused(self, main, *arguments):
        """What a tool says that is to fail."""
        try:
            text = self.tool(main, *arguments)
        except RuntimeError as error:
            return str(error)
        raise RuntimeError(f"{main} {' '.join(arguments)} went through:\n{text}")

    @staticmethod
    def expect(text, *wanted, absent=()):
        missing, there = [each for each in wanted if each not in text], [each for each in absent if each in text]
        if missing or there:
            raise RuntimeError(f"missing {missing}, unwanted {there} in:\n{text}")

    # ---- the checks ----
    def topic_configs(self):
        self.create("configured", "--partitions", "3", "--replication-factor", "3")
        of = ["--entity-type", "topics", "--entity-name", "configured"]
        self.configs(*of, "--alter", "--add-config", "retention.ms=1000000,leader.replication.throttled.replicas=[0:1,1:2]")
        self.expect(self.configs(*of, "--describe"), "retention.ms=1000000 ", "leader.replication.throttled.replicas=0:1,1:2 ")
        self.configs(*of, "--alter", "--delete-config", "retention.ms")
        self.expect(self.configs(*of, "--describe"), "leader.replication.throttled.replicas=0:1,1:2 ", absent=["retention.ms"])
        self.expect(self.refused("kafka.admin.ConfigCommand", *of, "--alter", "--add-config",
                                 "follower.replication.throttled.replicas=all"), "must be the literal '*' or a list of replicas")

    def broker_configs(self):
        rates = ["leader.replication.throttled.rate", "follower.replication.throttled.rate"]
        of = ["--entity-type", "brokers"]
        self.configs(*of, "--entity-default", "--alter", "--add-config", f"{rates[0]}=5000000,log.retention.ms=90000000")
        self.configs(*of, "--entity-name", "2", "--alter", "--add-config", f"{rates[0]}=7000000,{rates[1]}=6000000")
        self.expect(self.configs(*of, "--entity-name", "2", "--describe"),
                    f"{rates[0]}=7000000 sensitive=false synonyms={{DYNAMIC_BROKER_CONFIG:{rates[0]}=7000000, "
                    f"DYNAMIC_DEFAULT_BROKER_CONFIG:{rates[0]}=5000000}}", f"{rates[1]}=6000000 ")
        self.expect(self.configs(*of, "--entity-name", "3", "--describe", "--all"), f"{rates[0]}=5000000 ", "log.retention.ms=90000000 ",
                    absent=[rates[1]])
        self.configs(*of, "--entity-name", "2", "--alter", "--delete-config", ",".join(rates))
        self.configs(*of, "--entity-default", "--alter", "--delete-config", f"{rates[0]},log.retention.ms")
        self.expect(self.configs(*of, "--entity-name", "2", "--describe", "--all"), "node.id=2 ", absent=rates)
        self.expect(self.configs(*of, "--entity-default", "--describe"), absent=[rates[0], "log.retention.ms"])

    def throttled_move(self):
        self.create("moved", "--replica-assignment", "1:2")
        lines = "".join(f"{i}\t{'x' * 15_000}\n" for i in range(BATCHES)).encode()
        self.java.produce(self.cluster.bootstrap, "moved", "none", lines)
        with tempfile.TemporaryDirectory() as folder:
            plan = pathlib.Path(folder, "plan.json")
            plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": "moved", "partition": 0, "replicas": [1, 3]}]}))
            move = ["reassign.ReassignPartitionsCommand", "--reassignment-json-file", str(plan)]
            self.expect(self.tool(*move, "--execute", "--throttle", "1"), "The inter-broker throttle limit was set to 1 B/s",
                        "Successfully started partition reassignment for moved-0")
            self.expect(self.configs("--entity-type", "topics", "--entity-name", "moved", "--describe"),
                        "leader.replication.throttled.replicas=0:1,0:2 ", "follower.replication.throttled.replicas=0:3 ")
            self.expect(self.configs("--entity-type", "brokers", "--entity-name", "1", "--describe"),
                        "leader.replication.throttled.rate=1 ", "follower.replication.throttled.rate=1 ")
            self.expect(self.tool(*move, "--verify", "--preserve-throttles"), "moved-0 is still in progress")
            self.tool(*move, "--execute", "--additional", "--throttle", "100000000")
            text = ""
            for _ in range(LOOKS):
                text = self.tool(*move, "--verify")
                if "still in progress" not in text:
                    break
            self.expect(text, "Reassignment of partition moved-0 is completed", "Clearing broker-level throttles on brokers 1,2,3",
                        "Clearing topic-level throttles on topic moved")
        for entity in (["topics", "--entity-name", "moved"], ["brokers", "--entity-name", "1"], ["brokers", "--entity-name", "3"]):
            self.expect(self.configs("--entity-type", *entity, "--describe"), absent=["throttled"])
        self.expect(self.tool("TopicCommand", "--describe", "--topic", "moved"), "Replicas: 1,3")

    def features(self):
        """A release of Kafka stands for levels of features that have no meaning here: all or none are finalized."""
        before = self.tool("FeatureCommand", "describe")
        self.expect(self.refused("FeatureCommand", "upgrade", "--release-version", "4.3"),
                    "The update failed for all features since the following feature had an error", "No node supports this feature.")
        self.expect(self.refused("FeatureCommand", "upgrade", "--feature", "share.version=1"),
                    "Could not upgrade share.version to 1.", "Invalid update version 1 for feature share.version.")
        self.tool("FeatureCommand", "upgrade", "--feature", "metadata.version=30")
        if [row.split("Epoch")[0] for row in self.tool("FeatureCommand", "describe").splitlines()] != [
                row.split("Epoch")[0] for row in before.splitlines()]:
            raise RuntimeError(f"an upgrade that was refused changed:\n{before}")

    def deleted_records(self):
        self.create("deleted", "--partitions", "1", "--replication-factor", "3")
        self.java.produce(self.cluster.bootstrap, "deleted", "none", "".join(f"{i}\tvalue\n" for i in range(20)).encode())
        with tempfile.TemporaryDirectory() as folder:
            plan = pathlib.Path(folder, "plan.json")

            def delete(offset):
                plan.write_text(json.dumps({"version": 1, "partitions": [{"topic": "deleted", "partition": 0, "offset": offset}]}))
                return self.tool("DeleteRecordsCommand", "--offset-json-file", str(plan))
            self.expect(delete(7), "partition: deleted-0\tlow_watermark: 7")
            self.expect(self.tool("GetOffsetShell", "--topic-partitions", "deleted:0", "--time", "earliest"), "deleted:0:7")
            left = self.java.tool("consumer.ConsoleConsumer", "--bootstrap-server", self.cluster.bootstrap, "--topic", "deleted",
                                  "--from-beginning", "--max-messages", "13", "--formatter-property", "print.offset=true",
                                  "--formatter-property", "print.key=true")
            self.expect(left.decode().splitlines()[0], "Offset:7\t7\tvalue")
            self.expect(delete(21), "error: ", "OffsetOutOfRangeException")
            self.expect(delete(-1), "low_watermark: 20")

    def producers(self):
        """The console's producer is an idempotent one."""
        self.create("produced", "--partitions", "1", "--replication-factor", "3")
        self.java.produce(self.cluster.bootstrap, "produced", "none", b"0\ta\n1\tb\n")
        text = self.tool("TransactionsCommand", "describe-producers", "--topic", "produced", "--partition", "0")
        rows = [row.split() for row in text.splitlines()]
        self.expect(text, "ProducerId", "LastSequence", "CurrentTransactionStartOffset")
        if len(rows) != 2 or rows[1][1] != "0" or rows[1][3] != "1" or rows[1][5] != "None":
            raise RuntimeError(f"one producer with the sequences 0 and 1 is not in:\n{text}")

    def unregistered(self):
        try:
            text = self.java.tool("ClusterTool", "unregister", "--bootstrap-server", self.cluster.bootstrap, "--id", "9").decode()
        except RuntimeError as error:
            return self.expect(str(error), "BrokerIdNotRegisteredException: no broker of this id is registered")
        raise RuntimeError(f"kafka-cluster unregistered a broker that is not there:\n{text}")

    def config_resources(self):
        self.expect(self.tool("ClientMetricsCommand", "--list"), absent=["rror"])
        self.create("listed", "--partitions", "1")
        self.expect(self.configs("--entity-type", "topics", "--describe"), "Dynamic configs for topic listed are")
