"""One execution environment of Lambda: AWS's own runtime client in a process of its own, and the Runtime API it asks.

The process sees what a function sees: the package and nothing else on its path, no HOME, a read-only file system except
an own /tmp and no shared memory (in a mount namespace, where the machine lets us make one), and it is killed at its
limit of memory.
"""

import importlib.util
import io
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

NAMESPACE = """
mount --make-rprivate /
mount --bind "$PACKAGE" "$SCRATCH/task"
mount -o remount,ro,bind "$SCRATCH/task"
mount --rbind "$SCRATCH" /tmp
mount -o remount,ro,bind /
mount -t tmpfs -o ro tmpfs /dev/shm
cd /tmp/task
exec env -i "$@"
"""
LOOK = 0.02
"""Seconds between two looks at the memory of the process."""


@cache
def can_isolate() -> bool:
    """Whether this machine lets us make a file system that is read-only for one process."""
    asked = ["unshare", "-rm", "sh", "-c", "mount --make-rprivate / && mount -o remount,ro,bind /"]
    return bool(shutil.which("unshare")) and subprocess.run(asked, capture_output=True).returncode == 0


@dataclass(kw_only=True)
class Function:
    """What is deployed."""

    name: str
    package: Path
    """Folder that lies at the function's root."""
    handler: str
    environment: dict[str, str] = field(default_factory=dict)
    timeout: float = 60.0
    memory: int = 512
    """Megabytes."""
    reserved: int | None = None
    """Calls at a time at most."""


@dataclass(kw_only=True)
class Call:
    """One invocation on its way."""

    request_id: str
    payload: bytes
    deadline: float
    done: threading.Event = field(default_factory=threading.Event)
    answer: bytes = b"null"
    error: str = ""
    """``Unhandled`` when the function failed."""


class Environment:
    """A process that answers one call at a time, and the next one after it."""

    def __init__(self, function: Function, scratch: Path) -> None:
        self.function = function
        self.calls = 0
        self.most_memory = 0
        self.seconds_to_ready = 0.0
        """From the start of the process until it asked for its first call."""
        self._started_at = time.monotonic()
        self._log = bytearray()
        self._reading = threading.Lock()
        self._next: queue.Queue[Call] = queue.Queue()
        self._call: Call | None = None
        self._init_error = b""
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _runtime_api(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self._process = self._started(scratch)
        self._out = cast("io.RawIOBase", self._process.stdout)
        os.set_blocking(self._out.fileno(), False)
        threading.Thread(target=self._watch, daemon=True).start()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether it can take another call."""
        return not self._ended.is_set() and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self._log.decode(errors="replace")

    def answer(self, call: Call) -> None:
        """Let the process answer; fills in what came of it, as AWS words it."""
        began, self._call = time.monotonic(), call
        self.calls += 1
        seen = len(self._log)
        self._next.put(call)
        while not call.done.wait(0.01):
            if self._ended.wait(0) and not call.done.wait(0.05):
                self._fail(call, *self._why_ended(call))
            elif time.time() > call.deadline:
                self.kill()
                said = f"RequestId: {call.request_id} Error: Task timed out after {self.function.timeout:.2f} seconds"
                self._fail(call, "Sandbox.Timedout", said)
        self._call = None
        spent = (time.monotonic() - began) * 1000
        self._drain()
        self._log += (
            f"REPORT RequestId: {call.request_id}\tDuration: {spent:.2f} ms\tMemory Size: {self.function.memory} MB\t"
            f"Max Memory Used: {self.most_memory >> 20} MB\n"
        ).encode()
        self.tail = bytes(self._log[seen:])

    def kill(self) -> None:
        """End the process as the kernel would."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End the process and the API."""
        self.kill()
        self._server.shutdown()
        self._server.server_close()

    # what the runtime client asks

    def next(self) -> Call | None:
        """The next call; ``None`` when the environment has ended."""
        self.seconds_to_ready = self.seconds_to_ready or time.monotonic() - self._started_at
        while not self._ended.is_set():
            try:
                return self._next.get(timeout=0.1)
            except queue.Empty:
                continue
        return None

    def answered(self, request_id: str, body: bytes, error: str) -> None:
        """What the function answered."""
        if (call := self._call) and call.request_id == request_id and not call.done.is_set():
            call.answer, call.error = body, error
            call.done.set()

    def not_begun(self, body: bytes) -> None:
        """The function could not be loaded."""
        self._init_error = body

    def _why_ended(self, call: Call) -> tuple[str, str]:
        if self._init_error:
            said = json.loads(self._init_error)
            return said.get("errorType", ""), said.get("errorMessage", "")
        code = self._process.wait()
        reason = (
            f"signal: {signal.Signals(-code).name.removeprefix('SIG').lower()}" if code < 0 else f"exit status {code}"
        )
        reason = reason.replace("signal: kill", "signal: killed")
        return "Runtime.ExitError", f"RequestId: {call.request_id} Error: Runtime exited with error: {reason}"

    def _fail(self, call: Call, kind: str, said: str) -> None:
        call.answer, call.error = json.dumps({"errorType": kind, "errorMessage": said}).encode(), "Unhandled"
        call.done.set()

    def _started(self, scratch: Path) -> subprocess.Popen[bytes]:
        scratch.mkdir(parents=True)
        (scratch / "task").mkdir()
        client = scratch / "runtime"
        client.mkdir()
        for name in ("awslambdaric", "runtime_client", "snapshot_restore_py", "simplejson"):
            spec = importlib.util.find_spec(name)
            assert spec
            assert spec.origin
            place = Path(spec.origin)
            if spec.submodule_search_locations:
                shutil.copytree(place.parent, client / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy2(place, client / place.name)
        isolated = can_isolate()
        root = "/tmp/task" if isolated else str(self.function.package)
        runtime = "/tmp/runtime" if isolated else str(client)
        told = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_address[1]}",
            "AWS_LAMBDA_FUNCTION_NAME": self.function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.function.memory),
            "AWS_REGION": "us-east-1",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
            "LAMBDA_TASK_ROOT": root,
            "_HANDLER": self.function.handler,
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": f"{root}:{runtime}",
            **self.function.environment,
        }
        python = os.path.realpath(sys.executable)
        words = [
            *(f"{name}={value}" for name, value in told.items()),
            python,
            "-S",
            "-m",
            "awslambdaric",
            self.function.handler,
        ]
        command = ["unshare", "-rm", "sh", "-ec", NAMESPACE, "sh", *words] if isolated else ["env", "-i", *words]
        return subprocess.Popen(
            command,
            cwd=self.function.package,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            env={"PATH": os.environ["PATH"], "SCRATCH": str(scratch), "PACKAGE": str(self.function.package)},
            start_new_session=True,
        )

    def _read(self) -> None:
        while select.select([self._out], [], [])[0] and self._drain():
            continue
        with self._reading:
            self._out.close()

    def _drain(self) -> bool:
        """Take all that the process has written until now; ``False`` when it will write no more.

        What a function writes comes before what it answers, but by another way: whoever has seen the answer looks here.
        """
        with self._reading:
            while not self._out.closed and (part := self._out.read(1 << 16)) != b"":
                if part is None:
                    return True
                self._log += part
        return False

    def _watch(self) -> None:
        """Kill the process when it has more memory than the function is given, as Lambda does."""
        status = Path(f"/proc/{self._process.pid}/statm")
        while self._process.poll() is None:
            try:
                used = int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            except (FileNotFoundError, ProcessLookupError, IndexError):
                break
            self.most_memory = max(self.most_memory, used)
            if used > self.function.memory << 20:
                self.kill()
            time.sleep(LOOK)
        self._process.wait()
        self._ended.set()


def _runtime_api(environment: Environment) -> type[BaseHTTPRequestHandler]:
    """The Runtime API of 2018-06-01, as far as the runtime client asks for it."""

    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            call = environment.next()
            if call is None:
                self.close_connection = True
                return
            headers = {
                "Lambda-Runtime-Aws-Request-Id": call.request_id,
                "Lambda-Runtime-Deadline-Ms": str(int(call.deadline * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": f"arn:aws:lambda:us-east-1:000000000000:function:{environment.function.name}",
            }
            self._send(200, call.payload, headers)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            *_, request_id, what = self.path.split("/")
            if what == "response":
                environment.answered(request_id, body, "")
            elif request_id == "init":
                environment.not_begun(body)
            else:
                environment.answered(request_id, body, "Unhandled")
            self._send(202, b'{"status":"OK"}', {})

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {
                **headers,
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: the test says what it looks at."""

    return RuntimeApi
