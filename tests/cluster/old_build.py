"""The server of an earlier commit, built from the repository's own history, for suites that run it beside today's."""
import os
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def is_known(commit):
    """Whether the history goes back to it; a shallow clone's does not."""
    return subprocess.run(["git", "-C", str(ROOT), "cat-file", "-e", f"{commit}^{{commit}}"], stderr=subprocess.DEVNULL).returncode == 0


def build(commit, folder):
    """The path of its chronik-server. What stands in the folder from before is used again."""
    folder = pathlib.Path(folder).resolve()
    source, binary = folder / "source", folder / "build" / "bin" / "chronik-server"
    if (folder / "built").exists():
        return binary
    shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True)
    with subprocess.Popen(["git", "-C", str(ROOT), "archive", commit], stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "-C", str(source)], stdin=archive.stdout, check=True)
    environment = {**os.environ, "CCACHE_BASEDIR": str(folder), "CCACHE_NOHASHDIR": "1"}
    # Built once and run for a minute: without optimisation it is there in little more than half of the time.
    for command in (["cmake", "-S", str(source), "-B", str(folder / "build"), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
                     "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O0 -DNDEBUG", "-DCHRONIK_TESTS=OFF", "-Wno-dev"],
                    ["cmake", "--build", str(folder / "build"), "-j", os.environ.get("JOBS", str(os.cpu_count())),
                     "--target", "chronik-server", "plugins"]):
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}")
    (folder / "built").touch()
    return binary
