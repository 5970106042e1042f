#!/usr/bin/env python3
"""Runs every fuzz target of a build for some seconds, from an empty corpus and the seeds in seeds/<target>/. Fails on a finding, or
where there is no target."""
import argparse
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="the folder of the fuzz preset")
    parser.add_argument("--seconds", type=int, default=30, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    targets = sorted(p for p in pathlib.Path(arguments.build, "fuzz").glob("fuzz_*") if p.is_file())
    failed = []
    for target in targets:
        with tempfile.TemporaryDirectory(prefix="chronik-fuzz-") as corpus:
            seeds = HERE / "seeds" / target.name
            command = [target, corpus, *([seeds] if seeds.exists() else []), f"-max_total_time={arguments.seconds}",
                       f"-seed={arguments.seed}", "-rss_limit_mb=2048", "-timeout=10", "-print_final_stats=1",
                       f"-artifact_prefix={arguments.build}/finding-"]
            print(f"-- {target.name} for {arguments.seconds} s", flush=True)
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in done.stdout.splitlines()[-40:] if done.returncode else done.stdout.splitlines():
            if done.returncode or "number_of_executed_units" in line or "cov:" in line and "DONE" in line:
                print(line)
        if done.returncode:
            failed.append(target.name)
    print(f"{len(targets) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed or not targets else 0


if __name__ == "__main__":
    sys.exit(main())
