"""`make bench-forecast`: measures every part over a data folder, prints the table and writes JSON."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.benchmarks.forecast.registry import PARTS, SEED, Row, part
from tests.benchmarks.forecast.table import as_json, text
from tests.fixtures.shared import ROOT


def main() -> int:
    """Measure and print. 1 when the data folder is not there."""
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.forecast", description=__doc__)
    usual = Path(os.environ.get("ROOMLEFT_SHARED") or ROOT.parent / "shared") / "data"
    options.add_argument("--data", type=Path, default=usual, help="a folder laid out like shared/data")
    options.add_argument("--only", choices=tuple(PARTS), action="append", help="measure one part; may be given again")
    options.add_argument("--json", type=Path, help="write the rows there as JSON; otherwise they follow the table")
    options.add_argument("--seed", type=int, default=SEED)
    chosen = options.parse_args()
    if not chosen.data.is_dir():
        print(f"no data folder at {chosen.data}: give --data DIR (make bench-forecast DATA=DIR)", file=sys.stderr)
        return 1
    rows: list[Row] = []
    for name in PARTS:
        if chosen.only is None or name in chosen.only:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            rows += part(name)(chosen.data, chosen.seed)
    print(text(rows))
    made = as_json(rows, chosen.seed)
    if chosen.json is None:
        print(made)
    else:
        chosen.json.write_text(made + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    # One thread a process: what is timed is then CPU, and two processes do not fight over two cores.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    sys.exit(main())
