"""The wiring: the only package that knows every part. One process: web, writer, jobs."""

from roomleft.app.building import App, build
from roomleft.app.listening import run

__all__ = ["App", "build", "run"]
