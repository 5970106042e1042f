"""Groups of real clients: two members share a topic, one of them is killed, and the other one takes over all."""
import queue
import subprocess
import threading
import time

import clients

PARTITIONS = 4
PATIENCE_S = 110
# What members of the protocol classic ask for themselves, for those of the protocol consumer.
SETTINGS = f"""default_partitions = {PARTITIONS}
group_consumer_session_timeout = "6s"
group_consumer_min_session_timeout = "6s"
group_consumer_heartbeat_interval = "300ms"
group_consumer_min_heartbeat_interval = "300ms"
"""


class Member:
    """A client's process that prints the values of records, each at the end of a line."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.decode(errors="replace").strip().removeprefix("record "))

    def values(self):
        while not self.lines.empty():
            self.seen.append(self.lines.get())
        return set(self.seen)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Groups:
    def __init__(self, node):
        self.node = node

    def make_topic(self, topic):
        for partition in range(PARTITIONS):
            self.produce(topic, partition, f"first-{partition}")

    def produce(self, topic, partition, value):
        clients.run(["kcat", "-P", "-b", self.node.bootstrap, "-t", topic, "-p", str(partition)], data=f"{value}\n".encode())

    def produce_until(self, topic, name, done):
        """A record for each partition again and again, since only what comes shows who has a partition."""
        end = time.monotonic() + PATIENCE_S
        for turn in range(1000):
            if time.monotonic() > end:
                break
            for partition in range(PARTITIONS):
                self.produce(topic, partition, f"{name}-{turn}-{partition}")
            time.sleep(0.3)
            if done():
                return
        raise RuntimeError(f"{name}: not within {PATIENCE_S} s")

    def lose_member(self, client, protocol):
        topic, group = f"group.{client.name}.{protocol}", f"group-of-{client.name}-{protocol}"
        self.make_topic(topic)
        command = client.group_member(self.node.bootstrap, topic, group, protocol)

        def partitions(member, name):
            return {value[-1] for value in member.values() if value.startswith(name)}

        everything = {str(p) for p in range(PARTITIONS)}
        with Member(command) as first, Member(command) as second:
            def shared():
                of_first, of_second = partitions(first, "both"), partitions(second, "both")
                return of_first and of_second and of_first | of_second == everything
            self.produce_until(topic, "both", shared)
            first.process.kill()
            self.produce_until(topic, "alone", lambda: partitions(second, "alone") == everything)

    def admin(self, java):
        topic, group = "group.admin", "group-of-admin"
        self.make_topic(topic)

        def tool(*arguments):
            return java.tool("consumer.group.ConsumerGroupCommand", "--bootstrap-server", self.node.bootstrap, *arguments).decode()

        def expect(text, *wanted):
            missing = [each for each in wanted if each not in text]
            if missing:
                raise RuntimeError(f"{missing} is missing in:\n{text}")

        of = ["--group", group]
        tool("--reset-offsets", *of, "--topic", topic, "--to-earliest", "--execute")
        expect(tool("--describe", *of, "--offsets").replace(" ", ""), f"{group}{topic}001")
        expect(tool("--list"), group)
        expect(tool("--delete", *of), "was successful")
        if group in tool("--list"):
            raise RuntimeError("the group is still listed")
