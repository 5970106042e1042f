"""kill -9 of one node under idempotent acks=all load, again and again: each acknowledged record once, in order, at its offset"""
from suite import Suite


class Run(Suite):
    in_ci = True

    def run(self):
        kills = 10 if self.bounded else 50
        partitions = 3
        with self.node() as node:
            node.start()
            self.create(node.bootstrap, "history", partitions)
            path = node.folder / "acknowledged"
            with self.producer(node.bootstrap, "history", partitions, path) as producer:
                for _ in range(kills):
                    self.wait_for_growth(path, 20_000)
                    node.kill()
                    node.start()
                self.wait_for_growth(path, 20_000)
                self.expect(self.finish(producer) == 0, "the idempotent producer went on over every kill")
            self.check_history(path.read_text(), self.dump(node.bootstrap, "history", partitions), kills)

    def check_history(self, acknowledged, dump, kills):
        log = {}
        last = {}
        duplicates = disorder = 0
        for line in dump:
            partition, sequence, offset = map(int, line.split())
            duplicates += (partition, sequence) in log
            disorder += sequence != last.get(partition, -1) + 1
            last[partition] = sequence
            log[partition, sequence] = offset
        lost = moved = errors = count = 0
        for line in acknowledged.splitlines():
            if line.startswith("error"):
                errors += 1
                continue
            partition, sequence, offset = map(int, line.split())
            count += 1
            lost += (partition, sequence) not in log
            # A retry of a batch that was stored before may be answered without its offset.
            moved += offset >= 0 and log.get((partition, sequence), offset) != offset
        self.say(f"{kills} kills, {count} acknowledged, {len(log)} in the log")
        self.expect(count > 1000 and lost == 0, f"acknowledged records that are lost: {lost}")
        self.expect(duplicates == 0, f"records that are there twice: {duplicates}")
        self.expect(disorder == 0, f"records out of order: {disorder}")
        self.expect(moved == 0, f"records at another offset than acknowledged: {moved}")
        self.expect(errors == 0, f"errors that reached the idempotent producer: {errors}")
