"""`reload`: edited packs come into force at a running server."""

from __future__ import annotations

from roomleft.cli.ask import located
from roomleft.cli.client import Client
from roomleft.cli.output import err, fail, print_json
from roomleft.errors import PackError, RoomleftError


def run_reload(as_json: bool) -> int:
    """Have the server read its packs again; 1 if one of them has a fault, which leaves what it had before in force."""
    settings, server = located()
    if server is None:
        raise RoomleftError(
            "no server is running", str(settings.data_dir), "nothing to do: `bin/roomleft serve` reads every pack when it starts"
        )
    answer = Client(server).post("/api/v1/packs/reload")
    if as_json:
        print_json(answer)
    else:
        for word in ("added", "changed", "removed"):
            if answer[word]:
                print(f"{word}: {', '.join(answer[word])}")
            if answer["rules"][word]:
                print(f"rules {word}: {', '.join(answer['rules'][word])}")
        if answer["alerting_changed"]:
            print("changed: alerting.yaml")
        quiet = not any(answer[word] or answer["rules"][word] for word in ("added", "changed", "removed", "refused"))
        if quiet and not answer["alerting_changed"]:
            print("nothing has changed" + (f" in {', '.join(answer['unchanged'])}" if answer["unchanged"] else ""))
        for refused in (*answer["refused"], *answer["rules"]["refused"]):
            for fault in refused["faults"]:
                fail(PackError(fault["what"], fault["where"], fault["hint"]))
            err.print(f"{refused.get('pack') or refused['file']} stays as it was before this edit.", soft_wrap=True)
    return int(bool(answer["refused"] or answer["rules"]["refused"]))
