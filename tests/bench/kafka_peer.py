"""Apache Kafka (KRaft, defaults), one node or several, for side-by-side runs: the same interface as harness/node.py and cluster.py where
the benchmarks need it."""
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from cluster import Cluster  # noqa: E402
from node import Node, free_port  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
# As bin/kafka-server-start.sh sets them.
JAVA_FLAGS = ["-Xmx1g", "-Xms1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"]


def install(cache):
    jars = pathlib.Path(cache) / "kafka"
    jars.parent.mkdir(parents=True, exist_ok=True)
    if not (jars / ".complete").exists():
        subprocess.run(["mvn", "-q", "-B", "-f", HERE / "kafka/pom.xml", "dependency:copy-dependencies",
                        f"-DoutputDirectory={jars}"], check=True, stdout=sys.stderr)
        (jars / ".complete").touch()
    return jars


def wait_for_port(node, timeout, pause=0.02):
    """Until a started node accepts connections; it is asked after each pause."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return socket.create_connection(("127.0.0.1", node.kafka_port), 1).close()
        except OSError:
            if node.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{type(node).__name__} did not start:\n{node.log_tail()}") from None
            time.sleep(pause)


class Kafka(Node):
    def __init__(self, jars, folder, properties="", node_id=0, controllers=None):
        """controllers: the controller ports of all nodes by id; of this node alone by default."""
        self.jars = jars
        self.id = node_id
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.kafka_port = free_port()
        controllers = controllers or {node_id: free_port()}
        voters = ",".join(f"{voter}@127.0.0.1:{port}" for voter, port in controllers.items())
        self.log_path = self.folder / "node.log"
        self.process = None
        self.formatted = False
        (self.folder / "server.properties").write_text(
            f"process.roles=broker,controller\nnode.id={node_id}\n"
            f"controller.quorum.voters={voters}\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self.kafka_port},CONTROLLER://127.0.0.1:{controllers[node_id]}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.kafka_port}\n"
            f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            f"controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n"
            f"log.dirs={self.folder}/data\noffsets.topic.replication.factor={len(controllers)}\n{properties}")

    def java(self, *arguments, **options):
        return ["java", *options.get("flags", []), "-cp", f"{self.jars}/*", *map(str, arguments)]

    def format(self):
        if self.formatted:
            return
        with open(self.log_path, "ab") as log:
            subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c",
                                     self.folder / "server.properties"), check=True, stdout=log, stderr=log)
        self.formatted = True

    def launch(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.java("kafka.Kafka", self.folder / "server.properties", flags=JAVA_FLAGS),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def await_ready(self, timeout=60):
        wait_for_port(self, timeout)
        return self

    def start(self, timeout=60):
        self.format()
        return super().start(timeout)

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0


class KafkaCluster(Cluster):
    def __init__(self, jars, folder, properties="", size=3):
        self.folder = pathlib.Path(folder)
        self.relay = None
        controllers = {node_id: free_port() for node_id in range(size)}
        self.nodes = [Kafka(jars, self.folder / f"node{node_id}", f"default.replication.factor={size}\n{properties}", node_id,
                            controllers) for node_id in controllers]

    def start(self, timeout=60):
        for node in self.nodes:
            node.format()
        return super().start(timeout)
