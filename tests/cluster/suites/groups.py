"""groups on three nodes: each node lists, describes and resets them all, also without one of the three; lag on /metrics"""
import json
import re
import subprocess

from admin import find_coordinator
from suite import Suite

GROUPS = 20
RECORDS = 100  # in each of three partitions


class Run(Suite):
    in_ci = True

    def run(self):
        with self.cluster(tables={"kafka": "offsets_topic_partitions = 12\n"}) as cluster:
            cluster.start()
            self.create(cluster.bootstrap, "orders", 3, "replicas=3")
            for partition in range(3):
                lines = b"".join(b"%d\n" % i for i in range(RECORDS))
                subprocess.run(["kcat", "-P", "-b", cluster.bootstrap, "-t", "orders", "-p", str(partition)], input=lines, check=True,
                               timeout=60)
            self.wait_until(lambda: find_coordinator(cluster.node(1).kafka_port, "any") == 0, "groups have a coordinator")
            self.make_groups(cluster)
            for node in cluster.nodes:
                self.sees_all(node, {1, 2, 3})
                self.knows_lags(node)
            self.shows_lags(cluster.nodes)
            cluster.node(3).kill()
            for node in cluster.nodes[:2]:
                self.sees_all(node, {1, 2})
                self.knows_lags(node)
            self.shows_lags(cluster.nodes[:2])
            self.lets_go(cluster)

    # ---- the steps ----
    def group(self, node, *words):
        """A command of `chronik-server group`: its exit code and output."""
        done = subprocess.run([self.server, "group", *words, "--http", f"127.0.0.1:{node.http_port}"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60)
        return done.returncode, done.stdout if done.returncode == 0 else done.stderr

    def until_done(self, node, *words):
        """Leaders are being elected, and the links between nodes come up."""
        last = []

        def done():
            last[:] = self.group(node, *words)
            return last[0] == 0
        self.wait_until(done, f"group {' '.join(words)} on node {node.id}", pause=0.2)
        return last[1]

    def make_groups(self, cluster):
        """Group g/N has committed N in each partition."""
        for i in range(GROUPS):
            self.until_done(cluster.nodes[i % 3], "reset-offsets", "--group", f"g/{i}", "--topic", "orders", "--to-offset", str(i),
                            "--execute")

    def sees_all(self, node, coordinators):
        wanted = sorted(f"g/{i}" for i in range(GROUPS))
        found = []

        def complete():
            code, text = self.group(node, "list", "--json")
            found[:] = json.loads(text)["groups"] if code == 0 else []
            return [row["id"] for row in found] == wanted and {row["coordinator"] for row in found} <= coordinators
        self.wait_until(complete, f"node {node.id} lists all groups", pause=0.2)
        self.expect(len({row["coordinator"] for row in found}) > 1, f"node {node.id} lists groups of several coordinators")

    def knows_lags(self, node):
        for i in (0, 7, GROUPS - 1):
            def known():
                code, text = self.group(node, "describe", "--group", f"g/{i}", "--json")
                rows = json.loads(text)["offsets"] if code == 0 else []
                return [row["lag"] for row in rows] == [RECORDS - i] * 3
            self.wait_until(known, f"node {node.id} knows the lag of g/{i}", pause=0.2)

    def shows_lags(self, nodes):
        """Each group's on the one node that coordinates it."""
        wanted = sorted((f"g/{i}", 3 * (RECORDS - i)) for i in range(GROUPS))

        def shown():
            text = "\n".join(node.http("/metrics") for node in nodes)
            found = re.findall(r'^kafka_consumergroup_lag_sum\{consumergroup="([^"]*)",topic="orders"\} (\d+)$', text, re.M)
            return sorted((group, int(lag)) for group, lag in found) == wanted
        self.wait_until(shown, "lag of all groups on /metrics", pause=1)
        self.expect(True, f"lag of {GROUPS} groups on /metrics of {len(nodes)} nodes")

    def lets_go(self, cluster):
        self.until_done(cluster.node(2), "delete", "--group", "g/3")
        code, why = self.group(cluster.node(1), "describe", "--group", "g/3")
        self.expect(code == 1 and "there is no such group" in why, f"a group that was deleted is gone: {why.strip()}")
        code, why = self.group(cluster.node(1), "reset-offsets", "--group", "g/3", "--all-topics", "--shift-by", "-1")
        self.expect(code == 1 and "there is no such group" in why, f"and has nothing to reset: {why.strip()}")
