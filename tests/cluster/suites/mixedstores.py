"""two nodes on storage-log and one on storage-lmdb: kills, leaders that move, replicas that begin empty: all have the same records"""
import json
import subprocess
import time

import admin
from sightings import total
from suite import Suite

PARTITIONS = 3
ATTEMPTS = 3
KEPT, SHORT = "kept", "short"  # retention deletes the front of the latter, so that an empty replica of it gets a snapshot
MB = 1_000_000


class Run(Suite):
    in_ci = True
    ci_storages = ("storage-log,storage-log,storage-lmdb",)

    @staticmethod
    def options(parser):
        parser.add_argument("--rounds", type=int, help="of all of it (default 5, bounded 1)")

    def run(self):
        raft = 'trim_hold = "0s"\nleader_balance = "0s"\n'  # snapshots at once; leaders move but where they are asked to
        with self.cluster(tables={"raft": raft}) as cluster:
            cluster.start()
            self.wait_for_links(cluster)
            self.create(cluster.bootstrap, KEPT, PARTITIONS, "replicas=3", "min.insync.replicas=2")
            self.create(cluster.bootstrap, SHORT, PARTITIONS, "replicas=3", "min.insync.replicas=2", f"retention.bytes={MB}")
            with self.load(cluster.bootstrap, KEPT, PARTITIONS, cluster.folder, producers=2, consumers=1, rate=500) as load:
                load.wait_for_all_partitions()
                for _ in range(self.arguments.rounds or (1 if self.bounded else 5)):
                    self.round(cluster, load)
                load.finish()
            load.check(f"{total(cluster.nodes, 'chronik_raft_snapshots_installed_total')} snapshots since the last starts")
            self.have_the_same(cluster)

    def round(self, cluster, load):
        for node in cluster.nodes:
            node.kill()
            load.wait_for_all_partitions()
            node.start()
            self.await_in_sync(cluster)
        for leader, emptied in ((3, 1), (1, 3), (1, 2)):
            self.begins_empty(cluster, cluster.node(leader), cluster.node(emptied))
            load.wait_for_all_partitions()

    # ---- replicas ----
    def begins_empty(self, cluster, leader, node):
        """The node's replicas begin empty: of one topic the leader, on its storage, has the whole log, of one but its end."""
        for _ in range(ATTEMPTS):
            snapshots = self.leaves_and_returns(cluster, leader, node)
            if snapshots >= PARTITIONS:
                self.say(f"node {node.id} ({self.store(node.id).name}) has all of node {leader.id} ({self.store(leader.id).name}) again")
                return
            # It is closed where it may not know yet that it has left, and then it keeps its log.
            self.say(f"node {node.id} kept logs: {snapshots} snapshots of {PARTITIONS}; once more")
        raise RuntimeError(f"node {node.id} kept logs {ATTEMPTS} times")

    def leaves_and_returns(self, cluster, leader, node):
        """How many snapshots its replicas got."""
        others = [each.id for each in cluster.nodes if each is not node and each is not leader]
        self.place(cluster, [leader.id, *others])
        self.wait_until(lambda: node.metric("chronik_raft_groups") == leader.metric("chronik_raft_groups") - 2 * PARTITIONS,
                        f"node {node.id} has forgotten them", pause=0.1)
        self.overwrite(cluster)
        before = node.metric("chronik_raft_snapshots_installed_total")
        self.place(cluster, [leader.id, *others, node.id])
        self.await_in_sync(cluster)
        # They are counted a moment after they are installed.
        deadline = time.monotonic() + 10
        while (installed := node.metric("chronik_raft_snapshots_installed_total") - before) < PARTITIONS and time.monotonic() < deadline:
            time.sleep(0.1)
        return installed

    def place(self, cluster, nodes):
        """The replicas of all partitions; the first of the nodes leads."""
        for topic in (KEPT, SHORT):
            targets = dict.fromkeys(range(PARTITIONS), nodes)
            self.wait_until(lambda: admin.reassign(self.controller(cluster), topic, targets) == 0, "the reassignment is accepted", pause=0.1)

        def placed():
            shown = self.shown(cluster)
            if any([replica["id"] for replica in p["replicas"]] != nodes for p in shown):
                return False
            if all(p["leader"] == nodes[0] for p in shown):
                return True
            self.elect_preferred(cluster)
            return False
        self.wait_until(placed, f"nodes {nodes} have the replicas, the first one leads", 60, pause=0.2)

    def overwrite(self, cluster):
        """So that retention deletes what is there of the short topic."""
        def oldest():
            return [max(node.metric("kafka_topic_partition_oldest_offset", f'topic="{SHORT}",partition="{n}"') for node in cluster.nodes)
                    for n in range(PARTITIONS)]
        before = oldest()
        self.fill(cluster, SHORT, PARTITIONS, 6 * MB)
        self.wait_until(lambda: all(now > then for now, then in zip(oldest(), before)), "retention deletes", pause=0.1)

    @staticmethod
    def controller(cluster):
        return cluster.nodes[0].kafka_port

    @staticmethod
    def shown(cluster):
        done = subprocess.run(["kcat", "-L", "-J", "-b", cluster.bootstrap], stdout=subprocess.PIPE, check=True, timeout=60)
        topics = {topic["topic"]: topic["partitions"] for topic in json.loads(done.stdout)["topics"]}
        return topics[KEPT] + topics[SHORT]

    def await_in_sync(self, cluster):
        self.wait_until(lambda: all(len(p["isrs"]) == len(cluster.nodes) for p in self.shown(cluster)), "all replicas are in sync", pause=0.2)

    # ---- what must hold ----
    def have_the_same(self, cluster):
        """Each node leads in turn."""
        found = {}
        for node in cluster.nodes:
            self.place(cluster, [node.id] + [each.id for each in cluster.nodes if each is not node])
            found[node.id] = {(topic, n): self.records(node, topic, n) for topic in (KEPT, SHORT) for n in range(PARTITIONS)}
        first = found[1]
        self.expect(all(first.values()), f"records of each partition: {[records.count(b'@') for records in first.values()]}")
        for node in cluster.nodes[1:]:
            differ = [f"{topic}/{n}" for (topic, n), records in found[node.id].items() if records != first[topic, n]]
            self.expect(not differ, f"partitions that differ between node 1 ({self.store(1).name}) and node {node.id} "
                        f"({self.store(node.id).name}): {differ or 'none'}")

    @staticmethod
    def records(node, topic, partition):
        return subprocess.run(["kcat", "-C", "-b", node.bootstrap, "-t", topic, "-p", str(partition), "-o", "beginning", "-e", "-q", "-f",
                               "@%o %T %k %s\n"], check=True, stdout=subprocess.PIPE, timeout=120).stdout
