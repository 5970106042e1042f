"""The cables between the nodes of a cluster: one relay process that delays, holds or resets what goes over them.

    relay = Relay(program)
    port = relay.link(1, 2, "127.0.0.1:9000")   # what node 1 dials for node 2
    relay.hold(1, 2)                            # one way: what 1 sends 2 stays where it is, nothing is closed
    relay.isolate(1, [2, 3])                    # both ways
    relay.heal()                                # everything goes on
"""
import itertools
import subprocess


class Relay:
    def __init__(self, program):
        self.process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                        start_new_session=True)
        self.links = set()
        self.held = set()

    def command(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise RuntimeError(f"the relay answers {answer!r} to {words}")
        return answer

    def link(self, a, b, address):
        """The port on which what node `a` sends to node `b` at `address` is taken."""
        self.links.add((a, b))
        return int(self.command("link", a, b, address).split()[1])

    def hold(self, a, b):
        """One way: from a to b nothing arrives any more, and nothing is closed."""
        self.held.add((a, b))
        self.command("hold", a, b)

    def release(self, a, b):
        self.held.discard((a, b))
        self.command("release", a, b)

    def delay(self, a, b, milliseconds):
        self.command("delay", a, b, milliseconds)

    def rate(self, a, b, bytes_per_second):
        """One way; 0: without a limit again."""
        self.command("rate", a, b, bytes_per_second)

    def reset(self, a, b):
        """Every connection between the two, whoever has made it."""
        self.command("reset", a, b)

    def isolate(self, node, others):
        for other in others:
            self.hold(node, other)
            self.hold(other, node)

    def blackhole(self, nodes):
        """Nothing arrives between any of these nodes."""
        for a, b in itertools.permutations(nodes, 2):
            self.hold(a, b)

    def heal(self):
        for way in list(self.held):
            self.release(*way)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
