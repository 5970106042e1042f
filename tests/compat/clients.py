"""The clients of the compat tests. Each can be installed from its registry, produce key<TAB>value lines with a codec to partition 0
of a topic, and print that partition as offset<TAB>key<TAB>value lines."""
import os
import pathlib
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
ALL_CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def run(command, data=None, timeout=180, **options):
    done = subprocess.run([str(c) for c in command], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(str(c) for c in command)[:300]}\nended with code {done.returncode}:\n"
                           f"{(done.stderr + done.stdout).decode(errors='replace')[-3000:]}")
    return done.stdout


class Client:
    """A client that is one program with the verbs produce and consume."""
    codecs = ALL_CODECS
    group_protocols = ["classic"]
    name = ""
    program = []

    def install(self, cache):
        raise NotImplementedError

    def produce(self, bootstrap, topic, codec, lines):
        run([*self.program, "produce", bootstrap, topic, codec], data=lines)

    def consume(self, bootstrap, topic):
        return run([*self.program, "consume", bootstrap, topic])

    def group_member(self, bootstrap, topic, group, protocol):
        """The command of a member that prints the values of records, each at the end of a line."""
        return [*self.program, "consume_group", bootstrap, topic, group]


class Kcat(Client):
    name = "kcat"

    def install(self, cache):
        run(["kcat", "-V"])

    def produce(self, bootstrap, topic, codec, lines):
        run(["kcat", "-P", "-b", bootstrap, "-t", topic, "-p", "0", "-K", "\t", "-z", codec], data=lines)

    def consume(self, bootstrap, topic):
        return run(["kcat", "-C", "-b", bootstrap, "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q", "-f", "%o\t%k\t%s\n"])

    def group_member(self, bootstrap, topic, group, protocol):
        return ["kcat", "-b", bootstrap, "-X", "session.timeout.ms=6000", "-X", "heartbeat.interval.ms=300",
                "-X", "auto.offset.reset=earliest", "-X", "auto.commit.interval.ms=200", "-u", "-f", "record %s\n",
                "-G", group, topic]


class Librdkafka(Client):
    name = "librdkafka"
    group_protocols = []  # kcat has them

    def install(self, cache):
        binary = cache / "rdkafka_client"
        run(["cc", "-O1", "-Wall", "-o", binary, HERE / "librdkafka/rdkafka_client.c", "-lrdkafka"])
        self.program = [binary]


class Java(Client):
    """Kafka's own console producer and consumer."""
    name = "java"
    group_protocols = ["classic", "consumer"]

    def install(self, cache):
        self.jars = cache / "java"
        complete = self.jars / ".complete"  # of this file
        wanted = (HERE / "java/pom.xml").read_text()
        if not complete.exists() or complete.read_text() != wanted:
            run(["mvn", "-q", "-B", "-f", HERE / "java/pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={self.jars}"],
                timeout=900)
            complete.write_text(wanted)

    def command(self, main, *arguments):
        """main: a class of org.apache.kafka.tools, or one of kafka.admin by its whole name."""
        main = main if main.startswith("kafka.") else f"org.apache.kafka.tools.{main}"
        return ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self.jars}/*", main, *arguments]

    def tool(self, main, *arguments, data=None):
        return run(self.command(main, *arguments), data=data)

    def group_member(self, bootstrap, topic, group, protocol):
        settings = [f"group.protocol={protocol}", "auto.commit.interval.ms=200"]
        if protocol == "classic":  # else they are the server's
            settings += ["session.timeout.ms=6000", "heartbeat.interval.ms=300"]
        return self.command("consumer.ConsoleConsumer", "--bootstrap-server", bootstrap, "--topic", topic, "--group", group,
                            "--from-beginning", *(word for each in settings for word in ("--command-property", each)))

    def produce(self, bootstrap, topic, codec, lines):
        self.tool("ConsoleProducer", "--bootstrap-server", bootstrap, "--topic", topic, "--compression-codec", codec,
                  "--reader-property", "parse.key=true", "--reader-property", "key.separator=\t", data=lines)

    def consume(self, bootstrap, topic):
        end = int(self.tool("GetOffsetShell", "--bootstrap-server", bootstrap, "--topic-partitions", f"{topic}:0")
                  .decode().strip().rsplit(":", 1)[1])
        out = self.tool("consumer.ConsoleConsumer", "--bootstrap-server", bootstrap, "--topic", topic, "--partition", "0",
                        "--offset", "earliest", "--max-messages", str(end), "--command-property", "enable.auto.commit=false",
                        "--formatter-property", "print.offset=true", "--formatter-property", "print.key=true",
                        "--formatter-property", "key.separator=\t")
        return b"".join(line.removeprefix(b"Offset:") + b"\n" for line in out.splitlines())


class Python(Client):
    name = "kafka-python"

    def install(self, cache):
        venv = cache / "venv"
        if not (venv / ".complete").exists():
            run(["python3", "-m", "venv", venv])
            run([venv / "bin/pip", "install", "-q", "-r", HERE / "python/requirements.txt"], timeout=900)
            (venv / ".complete").touch()
        self.program = [venv / "bin/python", HERE / "python/client.py"]


class Go(Client):
    name = "franz-go"

    def install(self, cache):
        source = cache / "go"
        shutil.copytree(HERE / "go", source, dirs_exist_ok=True)
        environment = dict(os.environ, GOFLAGS="-mod=mod", GOTOOLCHAIN="local")
        run(["go", "build", "-o", cache / "go_client", "."], cwd=source, env=environment, timeout=900)
        self.program = [cache / "go_client"]


class Node(Client):
    name = "kafkajs"
    codecs = ["none", "gzip", "snappy"]  # what it has without native modules

    def install(self, cache):
        folder = cache / "node"
        shutil.copytree(HERE / "node", folder, dirs_exist_ok=True)
        run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, timeout=900)
        self.program = ["node", folder / "client.js"]


class Rust(Client):
    name = "rdkafka"
    group_protocols = ["classic", "consumer"]

    def install(self, cache):
        source = cache / "rust"
        shutil.copytree(HERE / "rust", source, dirs_exist_ok=True)
        run(["cargo", "build", "--quiet", "--target-dir", source / "target"], cwd=source, timeout=3600)
        self.program = [source / "target/debug/chronik-compat-rust"]

    def group_member(self, bootstrap, topic, group, protocol):
        return [*self.program, "consume_group", bootstrap, topic, group, protocol]


ALL = [Kcat, Librdkafka, Java, Python, Go, Node, Rust]
