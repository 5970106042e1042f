"""a node that was away while retention deleted what it lacks: a snapshot brings it back, with the same log"""
import json
import operator
import subprocess

from suite import Suite

PARTITIONS = 3
KEPT = 4 << 20  # bytes of each partition


class Run(Suite):
    in_ci = True

    def run(self):
        with self.cluster(tables={"raft": 'trim_hold = "0s"\n'}) as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "short", PARTITIONS, "replicas=3", f"retention.bytes={KEPT}")
            self.overwrite(cluster)
            for victim, end in ((cluster.node(3), "kill"), (cluster.node(2), "stop")):
                getattr(victim, end)()
                self.overwrite(cluster)
                victim.start()
                self.follows_again(cluster, victim)
            self.serve_the_same(cluster)

    @staticmethod
    def offsets(which, nodes):
        """The oldest or the current offset of each partition, as the one that leads it tells."""
        return [max(node.metric(f"kafka_topic_partition_{which}_offset", f'partition="{partition}"') for node in nodes)
                for partition in range(PARTITIONS)]

    def overwrite(self, cluster):
        """Writes until each log has lost all that it holds now, and as much again: what one partition deletes says nothing of another."""
        alive = [node for node in cluster.nodes if node.process.poll() is None]
        with self.load(",".join(node.bootstrap for node in alive), "short", PARTITIONS, cluster.folder, size=1000) as load:
            load.wait_for_all_partitions()
            targets = [end + KEPT / 1000 for end in self.offsets("current", alive)]
            self.wait_until(lambda: all(map(operator.ge, self.offsets("oldest", alive), targets)),
                            "retention deletes in every partition", 180, pause=0.1)
            load.end()

    def follows_again(self, cluster, victim):
        others = [node for node in cluster.nodes if node is not victim]
        self.wait_until(lambda: victim.metric("chronik_raft_snapshots_installed_total") >= PARTITIONS,
                        f"node {victim.id} gets a snapshot of each partition")
        # They count what is acknowledged, a moment after it is installed.
        self.wait_until(lambda: sum(node.metric("chronik_raft_snapshots_sent_total") for node in others) >= PARTITIONS,
                        "the others have sent them")
        self.expect(True, f"node {victim.id} got snapshots of {PARTITIONS} partitions")
        self.in_sync(cluster)

    def in_sync(self, cluster):
        def replicas():
            out = subprocess.run(["kcat", "-L", "-J", "-b", cluster.bootstrap, "-t", "short"], stdout=subprocess.PIPE, timeout=60)
            partitions = json.loads(out.stdout)["topics"][0]["partitions"] if out.returncode == 0 else []
            return sum(len(partition["isrs"]) for partition in partitions)
        self.wait_until(lambda: replicas() == 3 * PARTITIONS, "every replica is in sync", 120, pause=0.2)

    @staticmethod
    def starts(bootstrap):
        """Where each partition starts, as its leader says now (the metrics of `offsets` may be a second old); None while one has no leader."""
        asked = [word for partition in range(PARTITIONS) for word in ("-t", f"short:{partition}:-2")]
        out = subprocess.run(["kcat", "-Q", "-b", bootstrap, *asked], stdout=subprocess.PIPE, timeout=60)
        return sorted(out.stdout.splitlines()) if out.returncode == 0 else None

    def records(self, cluster):
        """Of each partition, whoever leads it: offset -> key and value, from its start on. Read again where retention went on
        meanwhile: a consumer that it overtakes goes on at the end, without what lies between."""
        bootstrap = ",".join(node.bootstrap for node in cluster.nodes if node.process.poll() is None)
        found = []

        def read_at_rest():
            before = self.starts(bootstrap)
            if before is None:
                return False
            found[:] = [self.read(bootstrap, partition) for partition in range(PARTITIONS)]
            return self.starts(bootstrap) == before
        self.wait_until(read_at_rest, "retention is at rest while the records are read", 300, pause=0.2)
        return found

    @staticmethod
    def read(bootstrap, partition):
        out = subprocess.run(["kcat", "-C", "-b", bootstrap, "-t", "short", "-p", str(partition), "-o", "beginning",
                              "-e", "-q", "-f", "%o %k %s\n"], check=True, stdout=subprocess.PIPE, timeout=120).stdout
        return dict(line.split(b" ", 1) for line in out.splitlines())

    @staticmethod
    def same(before, now):
        """Retention may have deleted more of the front meanwhile; nothing else may differ."""
        offsets = list(before)
        return bool(now) and list(now) == offsets[len(offsets) - len(now):] and all(before[offset] == now[offset] for offset in now)

    def serve_the_same(self, cluster):
        expected = self.records(cluster)
        self.expect(all(expected), f"records per partition: {[len(records) for records in expected]}")
        led = set()
        for victim in cluster.nodes:
            victim.kill()
            served = self.records(cluster)
            self.expect(all(map(self.same, expected, served)), f"without node {victim.id} every partition is served as before")
            led |= set(cluster.leaders().values())
            victim.start()
            self.in_sync(cluster)
        self.expect(led == {1, 2, 3}, f"nodes that led meanwhile: {sorted(led)}")
