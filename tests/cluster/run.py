#!/usr/bin/env python3
"""Real processes in trouble: finds the suites of suites/ by name and runs them. `--bounded` alone runs what CI runs."""
import argparse
import importlib.util
import pathlib
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "harness"))
import stores  # noqa: E402
from node import exit_on_sigterm  # noqa: E402


def found():
    """name -> module of each suite."""
    suites = {}
    for path in sorted((HERE / "suites").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"suites.{path.stem}", path)
        suites[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(suites[path.stem])
    return suites


def arguments_of(suites, words):
    lines = [f"  {name:<12} {(module.__doc__ or '').strip().splitlines()[0]}" for name, module in suites.items()]
    parser = argparse.ArgumentParser(description=__doc__ + "\n\n" + "\n".join(lines), conflict_handler="resolve",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--bounded", action="store_true", help="fewer faults, shorter runs: for CI")
    parser.add_argument("--storage", help=f"the plugin, of all nodes or of each in turn: {', '.join(stores.STORES)} (default: "
                        f"{stores.DEFAULT}, or what the suite is about; in CI what it names)")
    parser.add_argument("--file-io", choices=("io_uring", "threads"), help="of storages that leave their files to the host")
    parser.add_argument("only", nargs="*", metavar="NAME", help="suites; all by default, with --bounded those of CI")
    for name in words:  # the options of the suites that are asked for
        if name in suites:
            suites[name].Run.options(parser)
    arguments = parser.parse_args(words)
    for name in arguments.only:
        if name not in suites:
            parser.error(f"no suite is named '{name}'; there are {', '.join(suites)}")
    names = arguments.only or [name for name, module in suites.items() if module.Run.in_ci or not arguments.bounded]
    if not arguments.only:  # defaults of what nobody named
        for name in names:
            suites[name].Run.options(parser)
        arguments = parser.parse_args(words)
    try:
        stores.parse(arguments.storage or stores.DEFAULT)
    except ValueError as error:
        parser.error(error)
    return names, arguments


def runs_of(suites, names, arguments):
    """(suite's name, its storage) of each run."""
    for name in names:
        run = suites[name].Run
        if arguments.storage is None:
            yield from ((name, storage) for storage in (run.ci_storages if arguments.bounded and not arguments.only else run.ci_storages[:1]))
        elif run.only_storage in (None, arguments.storage):
            yield name, arguments.storage
        else:
            print(f"-- {name} is left out: it holds for {run.only_storage} only", flush=True)


def main(words):
    suites = found()
    names, arguments = arguments_of(suites, words)
    exit_on_sigterm()
    checks, failures = 0, []
    for name, storage in runs_of(suites, names, arguments):
        label = name if storage == stores.DEFAULT else f"{name} on {storage}"
        print(f"-- {label}", flush=True)
        begin = time.monotonic()
        suite = suites[name].Run(name, arguments, storage, again=storage in suites[name].Run.ci_storages[1:] and arguments.storage is None)
        try:
            suite.run()
        except Exception:  # the others still have something to say
            traceback.print_exc(file=sys.stdout)
            suite.expect(False, f"{label} came to its end")
        suite.say(f"{label} took {time.monotonic() - begin:.0f} s")
        checks += suite.checks
        failures += [f"{label}: {failure}" for failure in suite.failures]
    for failure in failures:  # again, where nobody has to look for them
        print(f"FAIL {failure}")
    print(f"{checks - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
