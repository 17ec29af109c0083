"""`make chaos`: a hundred kills, then the comparison. Exit code 1 if anything differs."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.run import chaos


def main() -> int:
    """Run it and print what was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="roomleft-chaos-") as folder:
        outcome = chaos(Path(folder), chosen.kills, chosen.seed, say=lambda line: print(line, flush=True))
    print(
        f"{outcome.kills} kills, {outcome.acknowledged} batches acknowledged, {outcome.resent} sent again, {outcome.events} events stored"
    )
    print(
        "nothing lost, nothing doubled, rollups and headroom equal"
        if not outcome.differences
        else f"DIFFERENT: {', '.join(outcome.differences)}"
    )
    return int(bool(outcome.differences))


sys.exit(main())
