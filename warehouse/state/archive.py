"""The archive: every report as it was made, with its pictures and workbook. A report is kept once under its key, and never edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from warehouse.state.database import StateDb
from warehouse.state.models_reports import ReportFileRow, ReportRow

KEPT = timedelta(days=400)
OWN = ""
"""The report key of what belongs to no report and never leaves (`warehouse.state.unsubscribing`)."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A picture or workbook of a report. `content_id` is what its HTML calls a picture by, empty for a file that is attached."""

    name: str
    media_type: str
    content: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A report as it was made. `content` is JSON; `missing` says in words what could not be made, empty if nothing. `platform` empty: several."""

    report_key: str
    report: str
    platform: str
    zone: str
    period_from: datetime
    period_to: datetime
    made_at: datetime
    subject: str
    content: str
    text: str
    html: str
    missing: str = ""
    files: tuple[ReportFile, ...] = ()


LISTED = ("report_key", "report", "platform", "zone", "period_from", "period_to", "made_at", "subject", "missing")


class Archive:
    """The reports of one installation."""

    def __init__(self, db: StateDb) -> None:
        self._db = db

    def keep(self, report: Report) -> bool:
        """Keep a report. False if there is one under its key already, which stays as it is."""
        values = {name: getattr(report, name) for name in Report.__dataclass_fields__ if name != "files"}
        files = [
            {name: getattr(file, name) for name in ReportFile.__dataclass_fields__} | {"report_key": report.report_key}
            for file in report.files
        ]
        try:
            with self._db.write() as connection:
                connection.execute(insert(ReportRow).values(**values))
                if files:
                    connection.execute(insert(ReportFileRow), files)
        except IntegrityError:
            return False
        return True

    def has(self, key: str) -> bool:
        """Whether there is a report under this key."""
        with self._db.read() as connection:
            return connection.execute(select(ReportRow.report_key).where(ReportRow.report_key == key)).first() is not None

    def find(self, key: str, *, files: bool = True) -> Report | None:
        """A report, with its files unless they are not wanted; None if there is none."""
        with self._db.read() as connection:
            row = connection.execute(select(ReportRow.__table__).where(ReportRow.report_key == key)).mappings().first()
            if row is None:
                return None
            held = (
                connection.execute(
                    select(ReportFileRow.__table__).where(ReportFileRow.report_key == key).order_by(ReportFileRow.name)
                )
                .mappings()
                .all()
                if files
                else ()
            )
        return Report(**row, files=tuple(_file(each) for each in held))

    def file(self, key: str, name: str) -> ReportFile | None:
        """One file of a report."""
        wanted = select(ReportFileRow.__table__).where(
            ReportFileRow.report_key == key, ReportFileRow.report_key != OWN, ReportFileRow.name == name
        )
        with self._db.read() as connection:
            row = connection.execute(wanted).mappings().first()
        return None if row is None else _file(row)

    def newest(self, count: int = 100, report: str | None = None) -> list[dict[str, Any]]:
        """The newest reports without their content, newest first, each with the names and sizes of its files."""
        columns = [getattr(ReportRow, name) for name in LISTED]
        wanted = select(*columns).order_by(ReportRow.made_at.desc(), ReportRow.report_key).limit(count)
        if report is not None:
            wanted = wanted.where(ReportRow.report == report)
        with self._db.read() as connection:
            rows = [dict(row) for row in connection.execute(wanted).mappings()]
            files = self._names(connection, [row["report_key"] for row in rows])
        return [row | {"files": files.get(row["report_key"], [])} for row in rows]

    def _names(self, connection: Any, keys: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        wanted = (
            select(
                ReportFileRow.report_key,
                ReportFileRow.name,
                ReportFileRow.media_type,
                func.length(ReportFileRow.content).label("bytes"),
            )
            .where(ReportFileRow.report_key.in_(keys))
            .order_by(ReportFileRow.report_key, ReportFileRow.name)
        )
        for row in connection.execute(wanted).mappings():
            found.setdefault(row["report_key"], []).append({name: row[name] for name in ("name", "media_type", "bytes")})
        return found

    def forget(self, now: datetime) -> int:
        """Delete reports older than 400 days with their files; how many."""
        old = select(ReportRow.report_key).where(ReportRow.made_at < now - KEPT)
        with self._db.write() as connection:
            connection.execute(delete(ReportFileRow).where(ReportFileRow.report_key.in_(old)))
            return connection.execute(delete(ReportRow).where(ReportRow.made_at < now - KEPT)).rowcount


def _file(row: Mapping[Any, Any]) -> ReportFile:
    return ReportFile(row["name"], row["media_type"], bytes(row["content"]), row["content_id"])
