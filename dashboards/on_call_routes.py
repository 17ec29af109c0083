"""Every route of alerts and status pages, together."""

from __future__ import annotations

from fastapi import APIRouter

from dashboards.alert_page import make_alert_pages
from dashboards.api.alerts import make_alert_api
from dashboards.api.status import make_status_api
from dashboards.parts import Parts
from dashboards.runbook_pages import make_runbook_pages
from dashboards.status_page import make_status_pages


def make_on_call(parts: Parts) -> APIRouter:
    """Alert pages, runbooks, status pages, and what the API says of rules, alerts, deliveries and status links."""
    router = APIRouter()
    for each in (make_alert_pages, make_status_pages, make_alert_api, make_status_api):
        router.include_router(each(parts))
    router.include_router(make_runbook_pages())
    return router
