"""One Apache Kafka node (KRaft, defaults) for side-by-side runs: the same interface as harness/node.py where the benchmarks need it."""
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "harness"))
from node import Node, free_port  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def install(cache):
    jars = pathlib.Path(cache) / "kafka"
    if not (jars / ".complete").exists():
        subprocess.run(["mvn", "-q", "-B", "-f", HERE / "kafka/pom.xml", "dependency:copy-dependencies",
                        f"-DoutputDirectory={jars}"], check=True, stdout=sys.stderr)
        (jars / ".complete").touch()
    return jars


class Kafka(Node):
    def __init__(self, jars, folder):
        self.jars = jars
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.kafka_port, self.controller_port = free_port(), free_port()
        self.log_path = self.folder / "node.log"
        self.process = None
        self.formatted = False
        (self.folder / "server.properties").write_text(
            f"process.roles=broker,controller\nnode.id=0\n"
            f"controller.quorum.voters=0@127.0.0.1:{self.controller_port}\n"
            f"listeners=PLAINTEXT://127.0.0.1:{self.kafka_port},CONTROLLER://127.0.0.1:{self.controller_port}\n"
            f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.kafka_port}\n"
            f"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
            f"controller.listener.names=CONTROLLER\ninter.broker.listener.name=PLAINTEXT\n"
            f"log.dirs={self.folder}/data\noffsets.topic.replication.factor=1\n")

    def java(self, *arguments, **options):
        return ["java", *options.get("flags", []), "-cp", f"{self.jars}/*", *map(str, arguments)]

    def start(self, timeout=60):
        with open(self.log_path, "ab") as log:
            if not self.formatted:
                subprocess.run(self.java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c",
                                         self.folder / "server.properties"), check=True, stdout=log, stderr=log)
                self.formatted = True
            flags = ["-Xmx1g", "-Xms1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35"]
            self.process = subprocess.Popen(self.java("kafka.Kafka", self.folder / "server.properties", flags=flags),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + timeout
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Kafka did not start:\n{self.log_tail()}")
            time.sleep(0.02)
        return self

    def ready(self):
        try:
            socket.create_connection(("127.0.0.1", self.kafka_port), 1).close()
            return True
        except OSError:
            return False

    def resident_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0
