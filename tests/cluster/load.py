"""Clients that leave a history, and what it says.

    with Load(suite, cluster.bootstrap, "history", 3, folder, producers=2, consumers=1, rate=2000) as load:
        load.wait_for_acks(1000)        # progress, not time, decides when the next fault comes
        ...
        load.finish()                   # the producers end without an error; then the log is dumped
    load.check()                        # expects that one log explains what all of them saw
    times = load.acknowledgement_times()  # for gap_in
"""
import bisect
import contextlib
import signal
import subprocess
import time

ANOMALIES = ("lost", "duplicated", "reordered", "rebound", "vanished", "invented", "overtaken", "hole", "skipped", "stuck")


class Load:
    def __init__(self, suite, bootstrap, topic, partitions, folder, producers=1, consumers=0, rate=0, **settings):
        """rate: records a second of each producer, flat out without. settings: librdkafka's, with _ for the dots."""
        self.suite = suite
        self.target = [bootstrap, topic, str(partitions)]
        self.partitions = partitions
        self.folder = folder
        self.settings = [f"{key.replace('_', '.')}={value}" for key, value in settings.items()]
        self.clients = [("produce", n) for n in range(producers)] + [("consume", 100 + n) for n in range(consumers)]
        self.rate = rate
        self.processes = {}
        self.followed, self.sent, self.acknowledged = {}, {}, {}  # see follow

    def path(self, verb, number):
        return self.folder / f"{verb}-{number}.history"

    @property
    def produced(self):
        return [self.path(verb, number) for verb, number in self.clients if verb == "produce"]

    def start(self, verb, number):
        options = [f"id={number}"] + ([f"rate={self.rate}", *self.settings] if verb == "produce" else [])
        with open(self.path(verb, number), "wb") as out:
            self.processes[verb, number] = subprocess.Popen(
                [str(self.suite.tests / "history_client"), verb, *self.target, *options], stdout=out)

    def follow(self):
        """(producer, partition) -> the newest sequence that was sent, and the newest that was acknowledged, as of now."""
        for path in self.produced:
            with open(path, "rb") as lines:
                lines.seek(self.followed.get(path, 0))
                text = lines.read()
            whole = text[:text.rfind(b"\n") + 1]
            self.followed[path] = self.followed.get(path, 0) + len(whole)
            for line in whole.splitlines():
                fields = line.split()
                if fields[0] in (b"i", b"a"):
                    newest = self.sent if fields[0] == b"i" else self.acknowledged
                    key = (int(fields[1]), int(fields[2]))
                    newest[key] = max(newest.get(key, -1), int(fields[3]))
        return self.sent, self.acknowledged

    def wait_for_all_partitions(self, timeout=60):
        """Until something that was sent from now on is acknowledged by each partition, for each producer."""
        before = dict(self.follow()[0])
        want = [(n, p) for verb, n in self.clients if verb == "produce" for p in range(self.partitions)]
        self.suite.wait_until(lambda: all(self.follow()[1].get(key, -1) > before.get(key, -1) for key in want),
                              "every partition takes records", timeout)

    def wait_for_acks(self, count, timeout=60):
        """Until so many more records were acknowledged, by each producer."""
        for path in self.produced:
            self.suite.wait_for_growth(path, count * 40, timeout)  # a record is an invocation and an acknowledgement

    def finish(self, timeout=90):
        """Ends the load, and dumps what it left in the log."""
        self.end(timeout)
        self.dump()

    def end(self, timeout=90):
        """The producers first; then the consumers have what there is."""
        for verb in ("produce", "consume"):
            for (kind, number), process in self.processes.items():
                if kind == verb:
                    self.suite.expect(self.suite.finish(process, timeout) == 0, f"client {number} ({verb}) ended without an error")

    @contextlib.contextmanager
    def held(self):
        """The clients stand still meanwhile."""
        for process in self.processes.values():
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self.processes.values():
                process.send_signal(signal.SIGCONT)

    def dump(self):
        """What is in the log now, for `check`."""
        with open(self.folder / "dump.history", "wb") as out:
            self.suite.client("dump", *self.target, stdout=out)

    def verdict(self):
        """What the history says: counts by name, and examples of what is wrong."""
        paths = [self.path(verb, number) for verb, number in self.clients] + [self.folder / "dump.history"]
        done = subprocess.run([str(self.suite.tests / "history_check"), *map(str, paths)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"the history cannot be checked: {done.stderr}")
        return {name: int(n) for name, n in (line.split() for line in done.stdout.splitlines())}, done.stderr

    def check(self, faults=""):
        """Expects that one log explains what all clients saw. Returns the counts."""
        counts, examples = self.verdict()
        self.suite.say(f"{faults}{', ' if faults else ''}{counts['acknowledged']} acknowledged, {counts['log']} in the log, "
                       f"{counts['read']} read meanwhile")
        found = {name: counts[name] for name in ANOMALIES if counts[name]}
        self.suite.expect(not found, f"anomalies: {found or 'none'}")
        self.suite.expect(counts["failed"] == 0, f"errors that reached a producer: {counts['failed']}")
        if found or counts["failed"]:
            print(examples, flush=True)
        return counts

    def acknowledgement_times(self):
        """partition -> times in seconds, in order."""
        times = {}
        for path in self.produced:
            with open(path) as lines:
                for line in lines:
                    if line.startswith("a "):
                        fields = line.split()
                        times.setdefault(int(fields[2]), []).append(int(fields[5]) / 1e9)
        for partition in times.values():
            partition.sort()
        return times

    def latencies(self, begin, end):
        """Milliseconds from the send to the acknowledgement, of what was sent in between."""
        sent, taken = {}, []
        for path in self.produced:
            with open(path) as lines:
                for kind, *key, at in map(str.split, lines):
                    if kind == "i" and begin <= int(at) / 1e9 < end:
                        sent[tuple(key)] = int(at)
                    elif kind == "a" and tuple(key[:3]) in sent:
                        taken.append((int(at) - sent[tuple(key[:3])]) / 1e6)
        return taken

    def __enter__(self):
        for verb, number in self.clients:
            self.start(verb, number)
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            process.kill()
            process.wait()


def worst_gap(times, begin, end):
    """Over all partitions of `acknowledgement_times`."""
    return max(gap_in(partition, begin, end) for partition in times.values())


def gap_in(times, begin, end):
    """The longest time between two acknowledgements of one partition that reaches into the window."""
    first = max(bisect.bisect_left(times, begin) - 1, 0)
    last = min(bisect.bisect_right(times, end), len(times) - 1)
    inside = [b - a for a, b in zip(times[first:last], times[first + 1:last + 1])]
    return max(inside, default=0.0)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def now():
    """The clock of the histories."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)
