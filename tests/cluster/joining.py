"""A fourth node that joins a cluster of three by command: for suites, beside Suite."""
import json
import subprocess

from node import free_port


class Joining:
    def fourth(self, cluster, **options):
        """Node 4, whose file lists all four; those of the others do not. Options as for harness/node.py."""
        self.raft = f"127.0.0.1:{free_port()}"
        return self.node_in(cluster.folder / "node4", node_id=4, peers={**cluster.raft_addresses, 4: self.raft}, **options)

    def add(self, cluster, node):
        node.launch()
        command = f"chronik-server node add --id 4 --raft {self.raft}"
        self.wait_until(lambda: command in node.readyz(), "a node that was not added yet says what to run")
        code, out = self.command(cluster, "node", "add", "--id", "4", "--raft", self.raft, "--watch")
        self.expect(code == 0 and "node 4: member" in out, f"node 4 joined: {out.strip().splitlines()[-1]}")
        node.await_ready()

    def command(self, cluster, *words):
        done = subprocess.run([self.server, *words, "--http", f"127.0.0.1:{cluster.node(1).http_port}"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
        return done.returncode, done.stdout

    def status(self, cluster):
        return json.loads(self.command(cluster, "cluster", "status", "--json")[1])
