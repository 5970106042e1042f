"""A cluster of chronik-server processes, each with a folder and free ports of its own.

    with Cluster(server, folder, size=3) as cluster:
        cluster.start()                     # all at once; returns when each is ready
        ... cluster.bootstrap ...
        cluster.node(1).kill()              # kill -9
        cluster.node(1).start()

With `relay`, the program of relay.cc, the nodes reach one another through cluster.relay, which can trouble each direction.
"""
import pathlib
import re

from node import Node, free_port
from relay import Relay


class Cluster:
    def __init__(self, server, folder, size=3, relay=None, **options):
        """options: as for Node. `storage`, and each of `tables`, may be a callable: what it returns for a node's id."""
        self.folder = pathlib.Path(folder)
        self.raft_addresses = {node_id: f"127.0.0.1:{free_port()}" for node_id in range(1, size + 1)}
        extra = options.pop("extra", "")
        tables = options.pop("tables", None) or {}
        self.relay = Relay(relay) if relay else None
        self.nodes = []
        for node_id in self.raft_addresses:
            own = self.of_node(node_id, options)
            self.nodes.append(Node(server, self.folder / f"node{node_id}", extra=extra, tables=self.of_node(node_id, tables),
                                   node_id=node_id, peers=self.addresses_for(node_id), **own))

    @staticmethod
    def of_node(node_id, options):
        return {name: value(node_id) if callable(value) else value for name, value in options.items()}

    def addresses_for(self, node_id):
        """The [[peer]] list of one node: where it listens itself, and where it finds the others."""
        if self.relay is None:
            return self.raft_addresses
        return {peer: address if peer == node_id else f"127.0.0.1:{self.relay.link(node_id, peer, address)}"
                for peer, address in self.raft_addresses.items()}

    @property
    def bootstrap(self):
        return ",".join(node.bootstrap for node in self.nodes)

    def node(self, node_id):
        return next(node for node in self.nodes if node.id == node_id)

    def start(self, timeout=60):
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.await_ready(timeout)
        return self

    def stop(self):
        """A clean stop of all; their exit codes."""
        return [node.stop() for node in self.nodes]

    # ---- what the processes cost ----
    def cpu_seconds(self):
        return sum(node.cpu_seconds() for node in self.nodes)

    def anonymous_bytes(self):
        """Of the node that takes most."""
        return max(node.anonymous_bytes() for node in self.nodes)

    def resident_bytes(self):
        return max(node.resident_bytes() for node in self.nodes)

    def store_bytes(self):
        return sum(node.store_bytes() for node in self.nodes)

    def leaders(self):
        """"topic/partition" and "__meta" -> the id of the node that said last, by term, that it leads."""
        newest = {}
        for node in self.nodes:
            for group, term in re.findall(r"became leader for (\S+) at term (\d+)", node.log()):
                newest[group] = max(newest.get(group, (0, 0)), (int(term), node.id))
        return {group: node for group, (_, node) in newest.items()}

    def log(self):
        """All logs together, each line with the node's id."""
        return "\n".join(f"{node.id}: {line}" for node in self.nodes for line in node.log().splitlines())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.kill()
        if self.relay is not None:
            self.relay.close()
