"""`check`: whether settings, packs, their tests, alert rules, SLOs and alerting.yaml are right."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roomleft.cli.ask import located
from roomleft.cli.check_files import Sorted, What, sort_files
from roomleft.cli.client import Client
from roomleft.cli.output import err, fail, print_json, print_table
from roomleft.errors import PackError, RoomleftError
from roomleft.packs import Pack, load_pack
from roomleft.packs_shelf import known_files
from roomleft.packs_yaml import PackFaults, Problem, short_name
from roomleft.rule_files import load_rules
from roomleft.rules import Rule
from roomleft.rules_names import Columns
from roomleft.rules_shelf import OWN_RULES, rule_files_in
from roomleft.settings import Settings, load_settings

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def run_check(path: Path | None, figures: bool, as_json: bool) -> int:
    """Validate settings and everything people write, and run the packs' tests; with `figures`, print each one. 1 if anything is wrong or not
    reproduced."""
    settings = load_settings()
    files = sort_files(path.resolve()) if path is not None else _in_force(settings)
    with _Check(settings, files, as_json) as check:
        check.packs()
        if figures:
            return _figures([pack for _, pack in check.read.values()], as_json) or int(check.wrong > 0)
        check.prices()
        check.slos()
        check.rules()
        check.alerting()
        check.tests()
        return int(check.wrong > 0)


def _in_force(settings: Settings) -> Sorted:
    """What a server here would read: packs, what stands beside them, own rules and SLOs, alerting.yaml."""
    found = Sorted()
    for file in known_files(settings).values():
        found.add(file, What.PACK)
        for ending, what in ((".test.yaml", What.TEST), (".rules.yaml", What.RULES), (".slo.yaml", What.SLO)):
            if (beside := file.with_suffix(ending)).exists():
                found.add(beside, what)
    for file in rule_files_in(settings.rules_dir):
        found.add(file, What.RULES)
    for file in sorted(settings.rules_dir.glob("*.slo.yaml")) if settings.rules_dir.is_dir() else ():
        found.add(file, What.SLO)
    found.add(OWN_RULES, What.RULES)
    if settings.alerting_file.exists():
        found.add(settings.alerting_file, What.ALERTING)
    return found


class _Check:
    """One run. `read` are the packs that are right, by their file."""

    def __init__(self, settings: Settings, files: Sorted, as_json: bool) -> None:
        self.read: dict[Path, tuple[str, Pack]] = {}
        self.wrong = 0
        self._settings, self._files, self._as_json = settings, files, as_json
        self._stack = ExitStack()
        self._known: dict[str, Pack] | None = None
        self._columns: Columns | None = None
        self._rules: dict[str, Rule] = {}

    def __enter__(self) -> _Check:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _say(self, words: str) -> None:
        if not self._as_json:
            err.print(words, soft_wrap=True)

    def _fails(self, error: RoomleftError) -> None:
        fail(error)
        self.wrong += 1

    def packs(self) -> None:
        """Read every pack."""
        for file in self._files.of(What.PACK):
            try:
                pack = load_pack(file)
            except RoomleftError as error:
                self._fails(error)
            else:
                self.read[file] = (pack.slug, pack)

    @property
    def known(self) -> Mapping[str, Pack]:
        """The packs that rules may speak of: those checked now, and else those of this installation."""
        if self._known is None:
            self._known = {}
            for slug, file in known_files(self._settings).items():
                if file not in self._files.of(What.PACK):
                    try:
                        self._known[slug] = load_pack(file)
                    except RoomleftError:
                        # It is not what was asked about.
                        continue
            self._known.update(dict(self.read.values()))
        return self._known

    def prices(self) -> None:
        """Read every price list."""
        from roomleft.packs_prices import load_price_list

        for file in self._files.of(What.PRICES):
            try:
                load_price_list(file)
            except RoomleftError as error:
                self._fails(error)
            else:
                self._say(f"{file.name}: valid")

    def slos(self) -> None:
        """Say of every object of the SLO files whether it is right, and whether it can be evaluated here."""
        from roomleft.openslo import check_openslo

        files = self._files.of(What.SLO)
        for verdict in check_openslo(files, self.known) if files else ():
            if verdict.ok:
                self._say(str(verdict))
            else:
                words = f"{verdict.subject}: {verdict.words}" if verdict.subject else verdict.words
                self._fails(PackFaults(verdict.file, [Problem(words, (), verdict.hint, verdict.line)]))

    def rules(self) -> None:
        """Read every file of rules."""
        for file in self._files.of(What.RULES):
            try:
                found = load_rules(
                    file,
                    self._pack_beside(file),
                    self.known,
                    slos=self._slos(),
                    columns=self._asked,
                    taken={rule_id: rule.where for rule_id, rule in self._rules.items()},
                )
            except RoomleftError as error:
                self._fails(error)
            else:
                self._rules.update({rule.rule_id: rule for rule in found})
                self._say(f"{file.name}: valid, {len(found)} rule{'' if len(found) == 1 else 's'}")

    def _pack_beside(self, file: Path) -> Pack | None:
        """The pack whose own rules a file holds. Raises PackError where it has faults itself."""
        beside = file.with_name(file.name.removesuffix(".rules.yaml") + ".yaml")
        if beside == file or not beside.is_file():
            return None
        if beside in self.read:
            return self.read[beside][1]
        if beside in self._files.of(What.PACK):
            raise PackError("the pack beside it has faults", short_name(file), "its rules can be checked when those are gone")
        return load_pack(beside)

    def _slos(self) -> dict[str, Any]:
        from roomleft.slos import slos_of, slos_of_packs

        try:
            return dict(slos_of(self.known, self._settings.rules_dir))
        except PackError:
            # Told with the file it is in.
            return dict(slos_of_packs(self.known))

    def _asked(self, sql: str) -> Mapping[str, str]:
        """What a query returns, asked of a warehouse that holds nothing."""
        if self._columns is None:
            from roomleft.app.ruling import columns_of
            from roomleft.clock import FixedClock
            from warehouse.store import Store

            store = self._stack.enter_context(Store.open("duckdb:///:memory:", now=FixedClock(BEGIN), threads=1))
            self._columns = columns_of(store)
        return self._columns(sql)

    def alerting(self) -> None:
        """Read alerting.yaml."""
        from roomleft.alerting_file import load_alerting

        for file in self._files.of(What.ALERTING):
            try:
                found = load_alerting(file)
            except RoomleftError as error:
                self._fails(error)
            else:
                self._say(f"{short_name(file)}: valid, {len(found.receivers)} receivers, {len(found.routes)} routes")

    def tests(self) -> None:
        """Run the tests of every pack that is right, and those of packs named by their test file."""
        from analytics.packtest import run_pack_tests
        from jobs.measure import measure
        from jobs.scripted import watch

        packs = {file: pack for file, (_, pack) in self.read.items()}
        for script in self._files.of(What.TEST):
            beside = script.with_name(script.name.removesuffix(".test.yaml") + ".yaml")
            if beside not in packs and beside not in self._files.of(What.PACK) and beside.exists():
                packs[beside] = load_pack(beside)
        results: list[dict[str, Any]] = []
        for file, pack in packs.items():
            script = file.with_suffix(".test.yaml")
            try:
                outcomes = run_pack_tests(pack, script, measure, watch) if script.exists() else []
            except RoomleftError as error:
                self._fails(error)
                continue
            results += [{"pack": pack.slug, "test": o.name, "passed": o.passed, "failures": list(o.failures)} for o in outcomes]
            self.wrong += sum(not o.passed for o in outcomes)
            self._say(f"{file.name}: valid, {len(outcomes)} tests, {sum(not o.passed for o in outcomes)} failed")
            for outcome in outcomes:
                for failure in outcome.failures:
                    self._say(f"  {outcome.name}: {failure}")
        if self._as_json:
            print_json(results)


def _figures(packs: list[Pack], as_json: bool) -> int:
    from analytics.figures import figure_rows

    states = _states()
    rows = [row.as_dict() for pack in packs for row in figure_rows(pack, states)]
    if as_json:
        print_json(rows)
    else:
        names = ("platform", "state", "figure", "expected", "computed", "reproduced", "target_met", "source")
        print_table(names, [[row[name] for name in names] for row in rows], right=("expected", "computed"))
    return int(any(not row["reproduced"] for row in rows))


def _states() -> dict[str, str]:
    """How each limit stands at the running server; without one no target is judged."""
    _, server = located()
    if server is None:
        return {}
    return {row["limit_id"]: row["state"] for row in Client(server).get("/api/v1/headroom")}
