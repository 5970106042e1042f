"""heartbeats on the wire while every apply takes 800 ms, also beside 8 busy processes; from a silent leader to the first pre-vote"""
import contextlib
import pathlib
import re
import statistics
import subprocess
import sys
import time

from sightings import leaderships, total
from suite import Suite
from wire_tap import WireTap

PARTITIONS = 27
INTERVAL, TOLERANCE, WORST = 150, 10, 400  # ms
TIMEOUT = 3.0                              # s, raft.election_timeout
BUSY = 8


class Run(Suite):
    in_ci = True

    @staticmethod
    def options(parser):
        parser.add_argument("--minutes", type=float, help="of each of the two observations (default 5, bounded 0.25)")
        parser.add_argument("--silences", type=int, help="how many leaders fall silent (default 6, bounded 1)")

    def run(self):
        seconds = 60 * (self.arguments.minutes or (0.25 if self.bounded else 5))
        try:
            WireTap([1]).socket.close()
        except PermissionError:
            self.say("not run: looking at the wire takes root")
            return
        with self.folder() as plugins, self.cluster(**self.slow_applies(plugins)) as cluster:
            self.begin(cluster)
            self.observe(cluster, seconds, "alone", share=1.0)
            with self.busy_processes():
                self.observe(cluster, seconds, f"beside {BUSY} busy processes", share=0.99)
        self.silence(self.arguments.silences or (1 if self.bounded else 6))

    def slow_applies(self, folder):
        """Options of nodes whose raft has slow state machines, in a plugin folder that is the real one but for that."""
        real = pathlib.Path(self.server).resolve().parent.parent / "plugins"
        for plugin in real.glob("*.so"):
            if plugin.name != "raft.so":
                (folder / plugin.name).symlink_to(plugin)
        (folder / "raft.so").symlink_to(self.tests / "slow_apply" / "raft.so")
        return {"extra": f'plugin_dir = "{folder}"', "environment": {"RAFT_PLUGIN": str(real / "raft.so"), "SLOW_APPLY_MS": "800"}}

    def begin(self, cluster):
        cluster.start()
        self.wait_until(lambda: all(node.metric("chronik_metadata_nodes") == 3 for node in cluster.nodes), "the nodes are known")
        self.create(cluster.bootstrap, "beaten", PARTITIONS, "replicas=3")
        self.wait_until(lambda: total(cluster.nodes, "chronik_raft_leaders") == PARTITIONS + 1, "every group has a leader")

    @contextlib.contextmanager
    def busy_processes(self):
        processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(BUSY)]
        try:
            yield
        finally:
            for process in processes:
                process.kill()
                process.wait()

    def observe(self, cluster, seconds, how, share):
        """For so long, 100 records/s go to all partitions, so that there is something to apply."""
        elections = total(cluster.nodes, "chronik_raft_elections_total")
        load = subprocess.Popen([str(self.tests / "perf_client"), "latency", cluster.bootstrap, "beaten", str(PARTITIONS), "0",
                                 str(seconds), "100"], stdout=subprocess.PIPE, text=True)
        try:
            with WireTap([int(address.split(":")[1]) for address in cluster.raft_addresses.values()]) as tap:
                time.sleep(seconds)  # the length of the observation
            told = load.communicate(timeout=120)[0].strip()
        finally:
            load.kill()
            load.wait()
        won = total(cluster.nodes, "chronik_raft_elections_total") - elections
        self.say(f"{how}: {seconds:.0f} s, produce {told}")
        self.expect(load.returncode == 0, f"{how}: every record was acknowledged")
        self.expect(tap.missed == 0, f"{how}: packets that were missed: {tap.missed}")
        self.expect(won == 0, f"{how}: elections: {won}")
        self.judge(tap.beats, tap.sent_again, seconds, how, share)

    def judge(self, beats, sent_again, seconds, how, share):
        pairs = len(beats)
        self.expect(pairs == 6, f"{how}: directions of node pairs that had heartbeats, three pairs both ways: {pairs}")
        frames = [len(times) for times in beats.values()]
        self.say(f"{how}: frames of each direction: {sorted(frames)}; {1000 * seconds / INTERVAL:.0f} intervals passed; "
                 f"segments that TCP sent again: {sent_again}")
        # The first may be almost an interval late.
        spare = min(1000 * (times[-1] - times[0]) / INTERVAL + 3 - len(times) for times in beats.values())
        self.expect(spare >= 0, f"{how}: no more than one frame each way and interval")
        gaps = [1000 * (b - a) for times in beats.values() for a, b in zip(times, times[1:])]
        near = sum(abs(gap - INTERVAL) <= TOLERANCE for gap in gaps) / len(gaps)
        self.say(f"{how}: ms between heartbeats: median {statistics.median(gaps):.1f}, {min(gaps):.1f} to {max(gaps):.1f}")
        self.measured(f"{how}: share within {INTERVAL} +- {TOLERANCE} ms", round(100 * near, 2), 100 * share, "%", at_least=True)
        if share < 1:
            self.measured(f"{how}: longest time between heartbeats", round(max(gaps)), WORST, "ms", absurd=3000)

    # ---- silence ----
    def silence(self, times):
        """Nothing arrives from a leader any more, and no connection is closed."""
        found = []
        for _ in range(times):
            with self.cluster(relay=True) as cluster:
                self.begin(cluster)
                # All dial the highest node, so what arrives from it is seen at the port that they dialled.
                found += self.silence_one(cluster, cluster.nodes[-1])
        self.say(f"from a leader's last heartbeat to the first pre-vote, s: {' '.join(f'{each:.2f}' for each in sorted(found))}")
        self.expect(min(found) > TIMEOUT - 0.2, f"none asks for votes before the timeout: {min(found):.2f} s")
        self.measured("longest silence until the first pre-vote", round(max(found), 2), 2 * TIMEOUT, "s", absurd=5 * TIMEOUT)

    def silence_one(self, cluster, victim):
        """Silences that the other nodes accepted, those of them that asked for votes."""
        self.wait_until(lambda: self.is_settled(cluster, victim), f"nothing moves, and node {victim.id} leads something", 120)
        others = [node for node in cluster.nodes if node is not victim]
        ways = self.relay_ports(cluster)
        with WireTap(ways) as tap:
            time.sleep(4 * INTERVAL / 1000)  # some heartbeats are to be seen first
            cluster.relay.isolate(victim.id, [node.id for node in others])
            self.wait_until(lambda: self.silences(tap, ways, victim.id), "a pre-vote", 60)
        return self.silences(tap, ways, victim.id)

    @staticmethod
    def is_settled(cluster, victim):
        led = leaderships(cluster.nodes)
        return (total(cluster.nodes, "chronik_raft_leaders") == PARTITIONS + 1 and victim.metric("chronik_raft_leaders") > 0 and
                time.time() - led[-1].at > 2 * TIMEOUT)

    @staticmethod
    def relay_ports(cluster):
        """port -> (a, b): where node a dials the relay for node b."""
        peers = {node.id: re.findall(r'id = (\d+)\nraft = "127.0.0.1:(\d+)"', node.config_path.read_text()) for node in cluster.nodes}
        return {int(port): (a, int(b)) for a, found in peers.items() for b, port in found if int(b) != a}

    @staticmethod
    def silences(tap, ways, victim):
        def direction(ends):  # a dials b at the port of the pair
            return ways[ends[1]] if ends[1] in ways else ways[ends[0]][::-1]

        last = {direction(ends)[1]: times[-1] for ends, times in list(tap.beats.items()) if direction(ends)[0] == victim}
        first = {}
        for at, *ends in list(tap.pre_votes):
            sender = direction(ends)[0]
            if sender != victim and at > last.get(sender, at):
                first.setdefault(sender, at - last[sender])
        return list(first.values())
