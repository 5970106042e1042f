#!/usr/bin/env python3
"""undo_shim and undo.py, on each back end of files: of what undo_writer wrote before its kill -9 stays what was durable."""
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

import undo

WRITER, SHIM = sys.argv[1:3]
UNCHANGED = {**dict.fromkeys(range(3, 5), b"D"), **dict.fromkeys(range(5, 8), b"E"), **dict.fromkeys(range(8, 10), b"D"),
             **dict.fromkeys(range(20, 30), b"S"), **dict.fromkeys(range(30, 64), b"\0")}
NOT_DURABLE = {**dict.fromkeys(range(0, 3), (b"D", b"p")), **dict.fromkeys(range(10, 20), (b"\0", b"P"))}  # before, after


class Undo(unittest.TestCase):
    def lose_power(self, io, torn=False, lies=False):
        """(the block's size, name -> its bytes)"""
        with tempfile.TemporaryDirectory() as top:
            folder, journal, lie = pathlib.Path(top) / "data", pathlib.Path(top) / "undo", pathlib.Path(top) / "lies"
            folder.mkdir()
            if lies:
                lie.touch()
            environment = dict(os.environ, LD_PRELOAD=SHIM, CHRONIK_UNDO_OF=str(folder), CHRONIK_UNDO_JOURNAL=str(journal),
                               CHRONIK_UNDO_LIES=str(lie))
            ended = subprocess.run([WRITER, folder, io], env=environment, capture_output=True, text=True)
            if "cannot have" in ended.stderr:
                self.skipTest(ended.stderr)
            self.assertEqual(ended.returncode, -9, ended.stderr)
            self.assertGreater(undo.power_loss(journal, folder, torn, random.Random(7)), 0)
            return int(ended.stdout), {path.name: path.read_bytes() for path in folder.iterdir()}

    def durable_stays(self, io, torn):
        block, files = self.lose_power(io, torn=torn)
        self.assertEqual(sorted(files), ["kept", "ring", "young"])
        ring = files["ring"]
        self.assertEqual(len(ring), 64 * block)
        for number, letter in UNCHANGED.items():
            self.assertEqual(ring[number * block:(number + 1) * block], letter * block, f"block {number}")
        seen = set()
        for number, (before, after) in NOT_DURABLE.items():
            for at in range(number * block, (number + 1) * block, undo.SECTOR):
                sector = ring[at:at + undo.SECTOR]
                self.assertIn(sector, (before * undo.SECTOR, after * undo.SECTOR), f"sector at {at}")
                seen.add(sector == after * undo.SECTOR)
        self.assertEqual(seen, {False, True} if torn else {False})
        self.assertTrue(b"firstsecond".startswith(files["kept"][:5]) and len(files["kept"]) >= 5, files["kept"])
        if not torn:
            self.assertEqual((files["kept"], files["young"]), (b"first", b""))

    def lies_are_found(self, io):
        _, files = self.lose_power(io, lies=True)
        self.assertEqual((files["ring"], files["kept"]), (b"", b""))

    def test_threads(self):
        self.durable_stays("threads", torn=False)

    def test_threads_torn(self):
        self.durable_stays("threads", torn=True)

    def test_threads_lies(self):
        self.lies_are_found("threads")

    def test_io_uring(self):
        self.durable_stays("io_uring", torn=False)

    def test_io_uring_torn(self):
        self.durable_stays("io_uring", torn=True)

    def test_io_uring_lies(self):
        self.lies_are_found("io_uring")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
