"""The process that forecasts: a question on its standard input, the answer on its standard output, both as Arrow. It reads nothing else and writes nothing else.

Apart from the server because fitting holds a core for a while, and because whatever happens to it must happen to nobody else: a crash, a kill by the
kernel or a time limit is a failed run of a job, told in words.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from roomleft.errors import RoomleftError, StoreError

NICE = 10
TAIL = 400
"""So many characters of what a failed worker said last are told."""
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
)
COMMAND = [sys.executable, "-P", "-c", "from jobs.forecast_worker import main; main()"]
STOPPED = "the server stopped while it was forecasting"
MEMORY_KILL = "the system ended it, most likely for want of memory"


def ask(message: bytes, *, limit_s: float, stopping: Callable[[], bool] = lambda: False) -> tuple[bytes, float]:
    """The worker's answer to a message, and the CPU seconds it took. Raises StoreError, in words, when there is none."""
    # Its environment holds no secrets of ours: it has no use for any.
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "SYSTEMROOT") if name in os.environ}
    environment = {**kept, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    before = os.times()
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    watch = threading.Thread(target=_watch, args=(process, limit_s, stopping), daemon=True)
    watch.start()
    began = time.monotonic()
    try:
        answer, said = process.communicate(message)
    except BaseException:
        process.kill()
        process.wait()
        raise
    after = os.times()
    if process.returncode != 0:
        raise StoreError(
            STOPPED if stopping() else _why(process.returncode, said, time.monotonic() - began, limit_s),
            "forecast worker",
            "it is tried again at its next turn",
        )
    return answer, (after.children_user + after.children_system) - (before.children_user + before.children_system)


def _watch(process: subprocess.Popen[bytes], limit_s: float, stopping: Callable[[], bool]) -> None:
    """End the worker when its time is over or the server stops."""
    until = time.monotonic() + limit_s
    while process.poll() is None:
        if time.monotonic() > until or stopping():
            process.kill()
            return
        try:
            process.wait(0.2)
        except subprocess.TimeoutExpired:
            continue


def _why(code: int, said: bytes, took_s: float, limit_s: float) -> str:
    if took_s >= limit_s:
        return f"forecasting took longer than {limit_s:.0f} s and was ended"
    if code == -signal.SIGKILL:
        return f"the forecaster was killed: {MEMORY_KILL}"
    words = said.decode(errors="replace").strip()[-TAIL:].rsplit("\n", 1)[-1]
    if code < 0:
        return f"the forecaster died of {signal.Signals(-code).name}" + (f": {words}" if words else "")
    return f"the forecaster failed: {words or f'it ended with {code} and said nothing'}"


def answer(message: bytes) -> bytes:
    """What the worker says to a message: a live run, or rolling origins. Raises RoomleftError."""
    from analytics.forecasting.calibration import learn
    from analytics.forecasting.fitting import say
    from analytics.forecasting.known_days import known_days
    from analytics.forecasting.origins import origins, replayed
    from analytics.forecasting.packing import dump_said, load_asked

    asked, record, drivers, then = load_asked(message)
    asked = replace(asked, drivers=known_days(drivers))
    if then["do"] == "replay":
        return dump_said(*replayed(asked, origins(asked.histories), asked.said_at))
    calibration = learn(record.to_pylist()) if record is not None else asked.calibration
    return dump_said(say(replace(asked, calibration=calibration)))


def main() -> None:
    """One question, one answer."""
    os.nice(NICE)
    message = sys.stdin.buffer.read()
    try:
        said = answer(message)
    except RoomleftError as error:
        sys.exit(error.what)
    sys.stdout.buffer.write(said)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
