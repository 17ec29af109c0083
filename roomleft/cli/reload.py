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
        if not any(answer[word] for word in ("added", "changed", "removed")):
            print("nothing has changed" + (f" in {', '.join(answer['unchanged'])}" if answer["unchanged"] else ""))
        for refused in answer["refused"]:
            for fault in refused["faults"]:
                fail(PackError(fault["what"], fault["where"], fault["hint"]))
            err.print(f"{refused['pack']} stays as it was before this edit.", soft_wrap=True)
    return int(bool(answer["refused"]))
