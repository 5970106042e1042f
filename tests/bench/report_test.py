#!/usr/bin/env python3
"""What run.py makes of its numbers, without any of its workloads: statistics, targets, results, holes, a journal's text."""
import json
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "harness"))
sys.path.insert(0, str(HERE))
import group_bench  # noqa: E402
import machine  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402
import sparse  # noqa: E402
import storage_bench  # noqa: E402
import targets  # noqa: E402

RESULTS = {
    "chronik-lmdb": [{"p50_ms": 1.0, "failed": 0}, {"p50_ms": 3.0, "failed": 0}, {"p50_ms": 2.0, "failed": 0}],
    "chronik-log": [{"p50_ms": 0.4, "own": 2.0}],
    "kafka": [{"p50_ms": 0.5}],
    "sink": [],
}


class Medians(unittest.TestCase):
    def test_of_each_side(self):
        self.assertEqual(report.medians(RESULTS)["chronik-lmdb"], {"p50_ms": 2.0, "failed": 0})

    def test_a_side_without_runs_is_none(self):
        self.assertNotIn("sink", report.medians(RESULTS))

    def test_a_number_that_a_run_lacks_is_left_out(self):
        self.assertEqual(report.medians({"kafka": [{"a": 1, "b": 2}, {"a": 3}]}), {"kafka": {"a": 2}})

    def test_lines_have_ours_as_parts_of_the_others(self):
        line = next(report.median_lines("latency", RESULTS))
        self.assertIn("chronik-lmdb/kafka 4.00", line)
        self.assertIn("chronik-log/kafka 0.80", line)
        self.assertNotIn("chronik-lmdb/chronik-log", line)

    def test_what_is_not_compared_has_no_line(self):
        self.assertFalse([line for line in report.median_lines("latency", RESULTS) if "failed" in line])


class Targets(unittest.TestCase):
    def judged(self, key, target, results=None):
        return list(report.target_lines("latency", results or RESULTS, [(key, target)]))

    def test_of_another_side(self):
        lmdb, log = self.judged("p50_ms", "<= 1.00 of kafka + 0.15")
        self.assertIn("chronik-lmdb p50_ms is 2.00, MISSED (target <= 0.65, <= 1.00 of kafka + 0.15)", lmdb)
        self.assertIn("chronik-log p50_ms is 0.40, well", log)

    def test_of_a_number_of_its_own(self):
        self.assertIn("well (target >= 0.40", self.judged("p50_ms", ">= 0.20 of own", {"chronik-log": RESULTS["chronik-log"]})[0])

    def test_a_number_alone_is_the_most(self):
        self.assertIn("MISSED", self.judged("p50_ms", 1)[0])
        self.assertIn("well", self.judged("p50_ms", 2)[0])
        self.assertIn("well", self.judged("failed", 0)[0])

    def test_at_least(self):
        self.assertIn("well", self.judged("p50_ms", ">= 2")[0])
        self.assertIn("MISSED", self.judged("p50_ms", ">= 2.01")[0])

    def test_what_was_not_measured_is_not_judged(self):
        self.assertEqual(self.judged("p50_ms", "<= 1 of sink-direct"), [])
        self.assertEqual(self.judged("p99_ms", "<= 1"), [])

    def test_no_target(self):
        with self.assertRaises(ValueError):
            report.Target.parse("about half of kafka")

    def test_the_tables(self):
        for name, pairs in targets.TARGETS.items():
            self.assertIn(name, run.KINDS)
            for _, text in pairs:
                target = report.Target.parse(text)
                self.assertTrue(not target.of or target.of in run.KINDS[name] or target.of.count("_") > 0, text)
        for part, table in group_bench.TARGETS.items():
            self.assertIn(part, sum(group_bench.PARTS.values(), []))
            for text in table.values():
                report.Target.parse(text)


class Steps(unittest.TestCase):
    def find(self, most, start):
        tried = []

        def holds(rate):
            tried.append(rate)
            return rate <= most
        return report.find_break(holds, start), tried

    def test_upwards(self):
        (held, broken), tried = self.find(35_000, 20_000)
        self.assertEqual((held, broken), (31_250, 39_062.5))
        self.assertEqual(tried, [20_000, 25_000, 31_250, 39_062.5])

    def test_downwards(self):
        (held, broken), _ = self.find(13_000, 20_000)
        self.assertEqual((round(held), round(broken)), (12_800, 16_000))

    def test_never(self):
        (held, broken), tried = self.find(0, 200)
        self.assertEqual(held, 0)
        self.assertLess(broken, 100)
        self.assertLess(len(tried), 10)


class Endurance(unittest.TestCase):
    def row(self, n, **more):
        return {"mb_per_s": 100.0, "p99_ms": n, "max_ms": 10 * n, "cpu_s_per_gb": 1.0, "anonymous_mb": 30.0, "store_mb": 130.0, "retained_mb": 100.0,
                **more}

    def test_first_against_last(self):
        out = storage_bench.summary_of_minutes([self.row(n) for n in range(1, 13)], 5)
        self.assertEqual((out["first_p99_ms"], out["last_p99_ms"], out["max_ms"]), (3, 10, 120))
        self.assertEqual(out["mb_per_s"], 100)

    def test_space_is_the_worst(self):
        rows = [self.row(1), self.row(1, store_mb=150.0, retained_mb=75.0), self.row(1, store_mb=160.0)]
        self.assertEqual(storage_bench.summary_of_minutes(rows, 1)["space_over_retained"], 2)


class ResultsFile(unittest.TestCase):
    def test_lines_stay(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "bench/results.jsonl"
            for run_number in (1, 2):
                report.Results(path, {"command": "run.py"}).add(workload="latency", side="kafka", run=run_number, numbers={"p50_ms": 0.5})
            rows = [json.loads(line) for line in path.read_text().splitlines()]
        self.assertEqual([row["run"] for row in rows], [1, 2])
        self.assertEqual(rows[0]["numbers"], {"p50_ms": 0.5})
        self.assertEqual(rows[0]["command"], "run.py")


    def test_what_stands_there_is_collected(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "results.jsonl"
            for p50 in (0.5, 0.7):
                report.Results(path, {"short": False}).add(workload="latency", side="kafka", run=1, numbers={"p50_ms": p50})
            report.Results(path, {"short": True}).add(workload="latency", side="kafka", run=1, numbers={"p50_ms": 9})
            report.Results(path, {}).add(workload="endurance", side="chronik-log", part="interval", numbers={"p99_ms": 9})
            self.assertEqual(report.Results(path, {}).all(), {"latency": {"kafka": [{"p50_ms": 0.5}, {"p50_ms": 0.7}]}})


class Holes(unittest.TestCase):
    PAGE = sparse.PAGE

    def contents(self):
        head = b"head" * 100
        return head + sparse.PAYLOAD_BYTE * (3 * self.PAGE) + b"index" * 10 + sparse.PAYLOAD_BYTE * (2 * self.PAGE)

    def test_runs_are_whole_pages_of_payload(self):
        page = self.PAGE
        self.assertEqual(list(sparse.payload_runs(self.contents())), [(page, 2 * page), (4 * page, page)])

    def test_all_else_stays(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "segment"
            before = self.contents()
            path.write_bytes(before)
            self.assertEqual(sparse.punch(path), 3 * self.PAGE)
            after = path.read_bytes()
        self.assertEqual(len(after), len(before))
        changed = [at for at in range(len(before)) if after[at] != before[at]]
        self.assertEqual({before[at:at + 1] for at in changed}, {sparse.PAYLOAD_BYTE})
        self.assertEqual({after[at] for at in changed}, {0})
        self.assertEqual(len(changed), 3 * self.PAGE)

    def test_what_is_being_written_stays(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "segment"
            path.write_bytes(self.contents())
            written = path.stat().st_mtime_ns
            sparse_folder = sparse.SparseFolder(folder)
            self.assertEqual(sparse_folder.punch_older_than(written), 0)
            self.assertEqual(sparse_folder.punch_older_than(written + 1), 3 * self.PAGE)
            self.assertEqual(sparse_folder.punch_older_than(written + 10**18), 0)  # once is enough


class Machine(unittest.TestCase):
    def test_transactions(self):
        self.assertEqual(machine.transactions_in("17 transactions (16 requested), each up to 1024 blocks\naverage:\n"), 17)
        with self.assertRaises(ValueError):
            machine.transactions_in("average:\n")

    def test_an_image_needs_root(self):
        with tempfile.TemporaryDirectory() as folder, unittest.mock.patch("os.geteuid", return_value=1000):
            with self.assertRaisesRegex(machine.Missing, "root"), machine.Ext4Image(folder):
                self.fail("it was mounted")

    def test_files_below_a_folder(self):
        self.assertTrue(machine.is_below("/a/data/segment", "/a/data"))
        self.assertFalse(machine.is_below("/a/database/segment", "/a/data"))


if __name__ == "__main__":
    unittest.main()
