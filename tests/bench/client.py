"""perf_client or group_client as a process of a workload: ended on every path out."""
import contextlib
import json
import subprocess
import time


class Client:
    def __init__(self, program):
        self.program = str(program)

    @contextlib.contextmanager
    def started(self, *arguments):
        process = subprocess.Popen([self.program, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    @staticmethod
    def check(process, said):
        if process.wait() != 0:
            raise RuntimeError(f"the client failed: {said[-500:]}")

    def run(self, *arguments):
        return self.marked(lambda: None, *arguments)[0]

    def marked(self, read, *arguments):
        """What it prints, and what read() came to at its two marks, each with the time: None where it has none."""
        marks = {}
        said = []
        with self.started(*arguments) as process:
            for line in process.stderr:
                said.append(line)
                if line.strip() in ("measuring", "measured"):
                    marks[line.strip()] = (time.monotonic(), read())
            out = process.stdout.read()
            self.check(process, "".join(said))
        return json.loads(out), marks.get("measuring"), marks.get("measured")

    def lines(self, *arguments):
        """What it prints, line by line, when it does. It says little on stderr."""
        with self.started(*arguments) as process:
            for line in process.stdout:
                yield json.loads(line)
            self.check(process, process.stderr.read())
