"""kill -9 of one node under idempotent acks=all load, then also SIGTERM while it starts: each acknowledged record once, in order, at its offset"""
import signal
import time

from suite import Suite

AFTER_MS = (20, 40, 60, 80, 120)  # from the start of a process to its SIGTERM


class Run(Suite):
    in_ci = True
    ci_storages = ("storage-lmdb", "storage-log")

    def run(self):
        kills = 10 if self.bounded else 50
        with self.node() as node:
            node.start()
            self.create(node.bootstrap, "history", 3)
            with self.load(node.bootstrap, "history", 3, node.folder, consumers=1) as load:
                for _ in range(kills):
                    load.wait_for_acks(1000)
                    node.kill()
                    node.start()
                for after_ms in AFTER_MS:
                    load.wait_for_acks(10_000)
                    node.kill()
                    self.stop_while_it_starts(node, after_ms)
                    node.start()
                load.wait_for_acks(1000)
                load.finish()
            counts = load.check(f"{kills} kills")
            self.expect(counts["acknowledged"] > kills * 500, f"the load went on: {counts['acknowledged']} acknowledged")

    def stop_while_it_starts(self, node, after_ms):
        """Wherever in its start the signal meets it, it ends in order."""
        node.launch()
        time.sleep(after_ms / 1000)
        code = node.stop()
        self.expect(code in (0, -signal.SIGTERM), f"SIGTERM {after_ms} ms after the process began: it ends with {code}")
