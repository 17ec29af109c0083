"""What pages and the API ask of whoever makes and mails reports; in a server that is wired in, and where nobody does it says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from roomleft.errors import InputError
from warehouse.state.archive import Report
from warehouse.state.recipients import Recipient


class Mailer(Protocol):
    """Makes reports and lets them go."""

    def unready(self) -> str:
        """Why no mail can be sent now, in words; empty when it can."""
        ...

    def due_next(self, recipient: Recipient) -> datetime:
        """When a recipient gets their report next."""
        ...

    def preview(self, platforms: Sequence[str], zone: str) -> Report:
        """The weekly report of these platforms (none: all) as it would be made now; kept nowhere. Raises RoomleftError."""
        ...

    def send(self, to: Sequence[str] | None, platforms: Sequence[str], zone: str, who: str) -> Mapping[str, Any]:
        """Make it now, keep it, and send it to these addresses (None: to every recipient, by their own zone and platforms). What became of each copy:
        {reports: [report_key], mailings: [{address, state, status, answer, …}]}. Raises RoomleftError."""
        ...

    def send_capacity(self, to: Sequence[str] | None, platforms: Sequence[str], who: str) -> Mapping[str, Any]:
        """The same with the capacity report of each of these platforms (none: of all), in the platform's own zone."""
        ...


class NoMailer:
    """For a server that makes no reports."""

    def unready(self) -> str:
        """Always a reason."""
        return "this server makes no reports"

    def due_next(self, recipient: Recipient) -> datetime:
        """Never."""
        raise InputError(self.unready(), "reports", "ask a running server")

    def preview(self, platforms: Sequence[str], zone: str) -> Report:
        """None can be made."""
        raise InputError(self.unready(), "reports", "ask a running server")

    def send(self, to: Sequence[str] | None, platforms: Sequence[str], zone: str, who: str) -> Mapping[str, Any]:
        """None can be sent."""
        raise InputError(self.unready(), "reports", "ask a running server")

    def send_capacity(self, to: Sequence[str] | None, platforms: Sequence[str], who: str) -> Mapping[str, Any]:
        """None can be sent."""
        raise InputError(self.unready(), "reports", "ask a running server")
