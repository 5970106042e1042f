"""kill -9 of one node under idempotent acks=all load, again and again: each acknowledged record once, in order, at its offset"""
from suite import Suite


class Run(Suite):
    in_ci = True

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
                load.wait_for_acks(1000)
                load.finish()
            counts = load.check(f"{kills} kills")
            self.expect(counts["acknowledged"] > kills * 500, f"the load went on: {counts['acknowledged']} acknowledged")
