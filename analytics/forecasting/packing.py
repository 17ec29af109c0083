"""What goes into the worker process and what comes out of it, as Arrow: tables of one message, one after another, each with its length before it."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from analytics.forecasting.calibration import Calibration
from analytics.forecasting.claims import Claim
from analytics.forecasting.daily import Daily
from analytics.forecasting.fitting import Asked, Said
from analytics.forecasting.scoring import Score
from roomleft.errors import StoreError
from roomleft.outlook import Made
from warehouse import tables

PLAN = b"plan"
"""The key of a message's plan among its schema's metadata: subjects and targets as our own process wrote them, for our own process."""
HISTORIES = pa.schema([pa.field("first_day", pa.date32()), pa.field("values", pa.list_(pa.float64()))])


def dump(tables_by_name: Mapping[str, pa.Table]) -> bytes:
    """Tables as one message."""
    parts = []
    for name, table in tables_by_name.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        body, title = sink.getvalue().to_pybytes(), name.encode()
        parts += [len(title).to_bytes(4, "big"), title, len(body).to_bytes(8, "big"), body]
    return b"".join(parts)


def load(message: bytes) -> dict[str, pa.Table]:
    """The tables of a message. Raises StoreError when it is cut off."""
    found, place = {}, 0
    while place < len(message):
        size = int.from_bytes(message[place : place + 4], "big")
        name = message[place + 4 : place + 4 + size].decode(errors="replace")
        place += 4 + size
        length = int.from_bytes(message[place : place + 8], "big")
        body = message[place + 8 : place + 8 + length]
        if len(body) != length:
            raise StoreError("the worker's message is cut off", "forecast worker")
        try:
            found[name] = pa.ipc.open_stream(body).read_all()
        except pa.ArrowInvalid as error:
            raise StoreError(f"the worker's message cannot be read: {error}", "forecast worker") from error
        place += 8 + length
    return found


def dump_asked(asked: Asked, record: pa.Table | None, drivers: pa.Table | None, then: Mapping[str, Any]) -> bytes:
    """A question to the worker. `record`: scored claims to learn from. `then`: what to do, as plain JSON."""
    dailies = list(asked.histories.values())
    plan = pickle.dumps((asked.run_id, asked.made, asked.said_at, asked.subjects, [daily.target for daily in dailies]))
    columns = [
        pa.array([daily.first_day for daily in dailies], pa.date32()),
        pa.array([daily.values for daily in dailies], pa.list_(pa.float64())),
    ]
    schema = HISTORIES.with_metadata({PLAN: base64.b64encode(plan), b"then": json.dumps(then).encode()})
    message = {"histories": pa.Table.from_arrays(columns, schema=schema)}
    if record is not None:
        message["record"] = record
    if drivers is not None:
        message["drivers"] = drivers
    return dump(message)


def load_asked(message: bytes) -> tuple[Asked, pa.Table | None, pa.Table | None, dict[str, Any]]:
    """What `dump_asked` wrote."""
    found = load(message)
    table = found["histories"]
    metadata = table.schema.metadata
    run_id, made, said_at, subjects, targets = pickle.loads(base64.b64decode(metadata[PLAN]))
    histories = {
        target.name: Daily(target, first, np.asarray(values.values, dtype=np.float64))
        for target, first, values in zip(targets, table["first_day"].to_pylist(), table["values"], strict=True)
    }
    asked = Asked(run_id, Made(made), said_at, tuple(subjects), histories, Calibration())
    return asked, found.get("record"), found.get("drivers"), json.loads(metadata[b"then"])


def dump_said(said: Said, scores: Iterable[Score] = ()) -> bytes:
    """An answer of the worker: rows of the warehouse's tables."""
    return dump(
        {
            "forecast_runs": pa.Table.from_pylist(said.runs, schema=tables.FORECAST_RUNS),
            "forecast_points": pa.Table.from_pylist(said.points, schema=tables.FORECAST_POINTS),
            "forecast_paths": pa.Table.from_pylist(said.paths, schema=tables.FORECAST_PATHS),
            "forecast_claims": claims_table(said.claims),
            "forecast_scores": scores_table(scores),
        }
    )


def claims_table(claims: Iterable[Claim]) -> pa.Table:
    """Claims as rows of `forecast_claims`."""
    return pa.Table.from_pylist([{**asdict(claim), "made": str(claim.made)} for claim in claims], schema=tables.FORECAST_CLAIMS)


def scores_table(scores: Iterable[Score]) -> pa.Table:
    """Scores as rows of `forecast_scores`."""
    return pa.Table.from_pylist([asdict(score) for score in scores], schema=tables.FORECAST_SCORES)


def claim_of(row: Mapping[str, Any]) -> Claim:
    """A row of `forecast_claims` as a claim."""
    names = Claim.__dataclass_fields__
    return Claim(**{**{name: row[name] for name in names if name in row}, "made": Made(row["made"])})
