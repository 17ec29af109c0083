"""The pages over the sample world, served on a free port to a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.serving import serving
from tests.dashboards.sample_rows import sample_parts

# What is expected comes in its own time: a busy machine is slow, not wrong.
expect.set_options(timeout=30_000)


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The address of the running pages."""
    parts = sample_parts()
    with serving(parts) as address:
        yield address
    parts.store.close()
