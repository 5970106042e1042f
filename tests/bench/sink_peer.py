"""bare_sink where the benchmarks expect a node: the limits beside ours. Its one topic is there from the start."""
import subprocess

import kafka_peer
from node import Node

# side -> how it keeps what it takes, as bare_sink names it.
SINKS = {"sink": "lmdb", "sink-direct": "direct", "sink-threads": "direct-threads"}


class Sink(Node):
    def __init__(self, program, folder, side, topic, partitions, retention):
        super().__init__(program, folder)
        self.arguments = [topic, str(partitions), str(retention), SINKS[side]]

    def launch(self):
        data = self.folder / "data"
        data.mkdir()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([self.server, str(self.kafka_port), str(data), *self.arguments],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def await_ready(self, timeout=120):  # it may write a file of zeros first
        kafka_peer.wait_for_port(self, timeout)
        return self

    def start(self, timeout=120):
        return super().start(timeout)
