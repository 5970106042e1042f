"""the classic acceptance plan, with Kafka's own tools where Java is there: every assignment reaches __meta and the logs say so"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import threading

from suite import HERE, Suite

sys.path.insert(0, str(HERE.parent / "compat"))
from clients import Java  # noqa: E402

UPDATED = re.compile(r"Updated partition assignment: (\S+) leader is now node (\d+) \(attempt (\d+)\)\" term=(\d+)")
LEADS = re.compile(r"Node (\d+) became leader for (\S+) at term (\d+)")


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--cache", default="~/.cache/chronik-compat", help="where Kafka's tools are kept")

    def run(self):
        self.java = None
        if shutil.which("java") and shutil.which("mvn"):
            self.java = Java()
            self.java.install(pathlib.Path(self.arguments.cache).expanduser())
        self.say("with Kafka's own tools" if self.java else "without Java: librdkafka stands in for Kafka's tools")
        self.one_topic()
        self.topics_during_the_start()
        self.meta_leader_dies()

    # ---- the three parts ----
    def one_topic(self):
        with self.cluster() as cluster:
            cluster.start()
            self.create_with_tools(cluster, "test", 3)
            self.settles(cluster, ["test"], 3, "one topic of three partitions")
            for line in sorted(line for line in cluster.log().splitlines() if "Updated partition assignment: test/" in line):
                self.say("node " + line)

    def topics_during_the_start(self):
        topics = [f"topic{i}" for i in range(20)]
        with self.cluster() as cluster:
            create = self.create_with_tools if not self.bounded else self.create_plainly
            creators = [threading.Thread(target=create, args=(cluster, topic, 5)) for topic in topics]
            for node in cluster.nodes[:2]:
                node.launch()
            for creator in creators:
                creator.start()
            cluster.nodes[2].launch()
            for creator in creators:
                creator.join()
            for node in cluster.nodes:
                node.await_ready(60)
            self.settles(cluster, topics, 5, "twenty topics of five partitions, created during the start")

    def meta_leader_dies(self):
        topics = [f"topic{i}" for i in range(20)]
        with self.cluster() as cluster:
            cluster.start()
            creators = [threading.Thread(target=self.create_plainly, args=(cluster, topic, 5)) for topic in topics]
            for creator in creators:
                creator.start()
            # In the middle: some leaders of partitions are elected, and not all of them are in __meta.
            self.wait_until(lambda: len(cluster.leaders()) > 5, "the first leaders are elected", pause=0)
            victim = cluster.node(cluster.leaders()["__meta"])
            assigned = len(self.updated(cluster))
            victim.kill()
            victim.start()
            for creator in creators:
                creator.join()
            self.say(f"the leader of __meta, node {victim.id}, died when {assigned} of 100 assignments were in it")
            self.settles(cluster, topics, 5, "the leader of __meta dies in the middle of an assignment")

    # ---- what they stand on ----
    def create_plainly(self, cluster, topic, partitions):
        """By librdkafka; asks again while there is no quorum to create anything."""
        done = None

        def created():
            nonlocal done
            done = subprocess.run([str(self.tests / "history_client"), "create", cluster.bootstrap, topic, str(partitions), "replicas=3"],
                                  stderr=subprocess.PIPE, text=True)
            return done.returncode == 0 or "already exists" in done.stderr
        try:
            self.wait_until(created, "the topic is created", pause=0.1)
        except RuntimeError:
            self.expect(False, f"{topic} is created: {done.stderr}")

    def create_with_tools(self, cluster, topic, partitions):
        if self.java is None:
            return self.create_plainly(cluster, topic, partitions)
        try:
            self.java.tool("TopicCommand", "--bootstrap-server", cluster.bootstrap, "--create", "--if-not-exists", "--topic", topic,
                           "--partitions", str(partitions), "--replication-factor", "3")
        except RuntimeError as error:
            self.expect(False, f"{topic} is created by Kafka's tools: {error}")

    @staticmethod
    def updated(cluster):
        """group -> (term, node, attempt) of the newest assignment that the logs call updated."""
        newest = {}
        for group, node, attempt, term in UPDATED.findall(cluster.log()):
            newest[group] = max(newest.get(group, (0, 0, 0)), (int(term), int(node), int(attempt)))
        return newest

    def settles(self, cluster, topics, partitions, what):
        """Until the newest leader of every partition is in __meta, and every node says so to clients."""
        groups = {f"{topic}/{p}" for topic in topics for p in range(partitions)}

        def assigned():
            leads = {}
            for node, group, term in LEADS.findall(cluster.log()):
                leads[group] = max(leads.get(group, (0, 0)), (int(term), int(node)))
            updated = {group: told[:2] for group, told in self.updated(cluster).items()}
            return groups <= leads.keys() and all(updated.get(group) == leads[group] for group in groups)

        self.wait_until(assigned, f"every assignment is updated ({what})", 60, pause=0.1)
        for node in cluster.nodes:
            self.agrees(cluster, groups, lambda: self.shown_by(node, topics), f"node {node.id} shows the leaders")
        self.expect(True, f"{what}: all {len(groups)} assignments are updated, every node shows the true leaders")
        attempts = sorted(attempt for _, _, attempt in self.updated(cluster).values())
        self.measured(f"most attempts of an assignment ({what})", attempts[-1], 3)
        self.expect("CRITICAL" not in cluster.log(), "no line says CRITICAL")
        if self.java:
            self.agrees(cluster, groups, lambda: self.told_by_tools(cluster), "Kafka's tools describe the leaders")
            self.expect(True, f"Kafka's tools describe the same {len(groups)} leaders")

    def agrees(self, cluster, groups, shown, what):
        """Until what is shown is what leads: leaders still move to their preferred nodes while somebody looks."""
        def same():
            before, told, after = cluster.leaders(), shown(), cluster.leaders()
            return before == after and told == {group: node for group, node in after.items() if group in groups}
        self.wait_until(same, what, 60, pause=0.1)

    def told_by_tools(self, cluster):
        text = self.java.tool("TopicCommand", "--bootstrap-server", cluster.bootstrap, "--describe").decode()
        return {f"{topic}/{p}": int(leader) for topic, p, leader in
                re.findall(r"Topic: (\S+)\s+Partition: (\d+)\s+Leader: (\d+)", text)}

    @staticmethod
    def shown_by(node, topics):
        done = subprocess.run(["kcat", "-L", "-J", "-b", node.bootstrap], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if done.returncode != 0:
            return None
        return {f"{topic['topic']}/{p['partition']}": p["leader"] for topic in json.loads(done.stdout)["topics"]
                if topic["topic"] in topics for p in topic["partitions"]}
