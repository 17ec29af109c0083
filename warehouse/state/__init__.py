"""State: people, tokens, sign-in, leases, job runs, pseudonyms, audit and alerts, in SQLite or PostgreSQL."""

from warehouse.state.audit import Audit, AuditEntry
from warehouse.state.closed_periods import ClosedPeriod, ClosedPeriods
from warehouse.state.database import StateDb
from warehouse.state.job_runs import JobRun, JobRuns, Outcome
from warehouse.state.leases import PROCESS, Lease, Leases
from warehouse.state.models_alerting import AlertRow
from warehouse.state.models_reports import RecipientRow
from warehouse.state.principals import Principal, Role, Scope
from warehouse.state.pseudonyms import Pseudonyms
from warehouse.state.sign_in import Sessions, SignIn
from warehouse.state.terms import Term, Terms
from warehouse.state.tokens import Token, Tokens
from warehouse.state.users import User, Users

__all__ = [
    "PROCESS",
    "AlertRow",
    "Audit",
    "AuditEntry",
    "ClosedPeriod",
    "ClosedPeriods",
    "JobRun",
    "JobRuns",
    "Lease",
    "Leases",
    "Outcome",
    "Principal",
    "Pseudonyms",
    "RecipientRow",
    "Role",
    "Scope",
    "Sessions",
    "SignIn",
    "StateDb",
    "Term",
    "Terms",
    "Token",
    "Tokens",
    "User",
    "Users",
]
