"""CPU against AutoETS of statsforecast, which lives in an environment of its own: only with PEERS=1 and an interpreter that has it (PYTHON=EXE)."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from analytics.forecasting.panel import fit_panel
from tests.benchmarks.forecast.registry import Row, at_least
from tests.benchmarks.forecast.throughput import made

THEIRS, OURS, DAYS, HORIZON = 200, 2000, 365, 30
MEASURE = "times less CPU a series than AutoETS"

SCRIPT = """
import json, sys, time
import numpy as np
from statsforecast import __version__
from statsforecast.models import AutoETS
values = np.load(sys.argv[1])
AutoETS(season_length=7).forecast(y=values[0], h=2)  # compiled or cached beforehand
began = time.process_time()
for row in values:
    AutoETS(season_length=7).forecast(y=row, h=%d)
print(json.dumps({"cpu": time.process_time() - began, "version": __version__}))
"""


def autoets(data: Path, seed: int) -> list[Row]:
    """CPU seconds a series of AutoETS over 200 series, in a process of its own, divided by ours over 2 000."""
    exe = os.environ.get("BENCH_PYTHON", "")
    if os.environ.get("PEERS") != "1" or not exe:
        return [Row(MEASURE, "≥ 50", None, None, "", "not asked for: PEERS=1 PYTHON=EXE, an interpreter with statsforecast")]
    values = np.nan_to_num(made(OURS, DAYS, seed))
    with tempfile.TemporaryDirectory(prefix="roomleft-bench-") as name:
        path = Path(name) / "series.npy"
        np.save(path, values[:THEIRS])
        ran = subprocess.run(
            [exe, "-c", SCRIPT % HORIZON, str(path)],
            capture_output=True, text=True, timeout=1800, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    if ran.returncode != 0:
        last = (ran.stderr.strip() or "no output").splitlines()[-1]
        return [Row(MEASURE, "≥ 50", None, None, "", f"{exe} could not run statsforecast: {last}")]
    theirs = json.loads(ran.stdout.splitlines()[-1])
    began = time.process_time()
    fit_panel(pd.DataFrame(values.T), horizon=HORIZON)
    ours = (time.process_time() - began) / OURS
    each = theirs["cpu"] / THEIRS
    note = (
        f"{each * 1000:.1f} ms (statsforecast {theirs['version']}, {THEIRS} series) against {ours * 1000:.2f} ms ({OURS} series)"
    )
    return [at_least(MEASURE, 50, each / ours, "", note)]
