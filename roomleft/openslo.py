"""OpenSLO files: whether they are right by the specification, whether every reference leads somewhere, and what each file is if it is another's.

`check_openslo` gives a verdict on each object of the files; `read_objects` the objects for those who go on with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from roomleft.errors import PackError
from roomleft.openslo_models import KINDS, VERSION, PolicyObject, PolicySpec, SliObject, SloObject
from roomleft.packs import Pack
from roomleft.packs_faults import note_validation_errors
from roomleft.packs_yaml import Document, PackFaults, Place, nearest, path_text, read_yaml_documents, short_name

SUFFIXES = (".yaml", ".yml", ".json")
READS = f"Roomleft reads {VERSION}"
OTHERS = (
    ("sloth.slok.dev/", "a Sloth file"),
    ("pyrra.dev/", "a Pyrra file"),
    ("monitoring.coreos.com/", "a Prometheus Operator file"),
    ("monitoring.googleapis.com/", "a Google Managed Prometheus file"),
    ("n9/", "a Nobl9 file"),
    ("operator.victoriametrics.com/", "a VictoriaMetrics Operator file"),
)
"""Whose files are known by the beginning of their apiVersion."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of an object of a file, or of a fault in it. `words` say why; of one that is right, also whether it can be evaluated here."""

    file: str
    line: int | None
    ok: bool
    words: str
    hint: str = ""
    subject: str = ""
    """`SLO web-availability`."""

    def __str__(self) -> str:
        where = self.file + (f": line {self.line}" if self.line is not None else "")
        told = f"{self.subject}: {self.words}" if self.subject else self.words
        return f"{where}: {told}" + (f" ({self.hint})" if self.hint else "")


@dataclass(slots=True)
class Found:
    """An object of a file, read and checked by itself. `model` None: it has faults."""

    file: str
    path: Path
    document: Document
    model: Any = None
    foreign: str = ""
    faults: list[Verdict] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return str(_get(self.document.data, "kind") or "")

    @property
    def name(self) -> str:
        return str(_get(_get(self.document.data, "metadata"), "name") or "")

    @property
    def subject(self) -> str:
        return f"{self.kind} {self.name}".strip()

    @property
    def line(self) -> int | None:
        return self.document.lines.get(())

    def fault(self, words: str, place: Place, hint: str = "") -> None:
        """Note what is wrong at a place."""
        where = f"{path_text(place)}: {words}" if place else words
        self.faults.append(Verdict(self.file, self.document.line_of(place), False, where, hint, self.subject))


def check_openslo(paths: Sequence[Path], packs: Mapping[str, Pack] | None = None) -> list[Verdict]:
    """A verdict on each object of the files (a folder: every YAML and JSON file in it and below), faults among them by file and line.

    References to conditions, targets, policies and indicators must lead to an object in `paths`; services and data sources need not be there.
    What `packs` connect and measure can be evaluated here.
    """
    from roomleft.openslo_slos import built

    found, verdicts = read_objects(paths)
    slis = {each.name: each.model for each in found if isinstance(each.model, SliObject)}
    for each in found:
        if each.foreign or each.faults:
            verdicts += each.faults
            continue
        words = "valid"
        if isinstance(each.model, SloObject):
            try:
                _, why = built(each, slis, packs or {})
            except PackFaults as error:
                verdicts += [Verdict(each.file, one.line, False, one.what, one.hint, each.subject) for one in error.problems]
                continue
            except PackError as error:
                verdicts.append(Verdict(each.file, each.line, False, error.what, error.hint, each.subject))
                continue
            words = f"valid; not evaluable here: {why}" if why else "valid"
        verdicts.append(Verdict(each.file, each.line, True, words, "", each.subject))
    return sorted(verdicts, key=lambda one: (one.file, one.line or 0))


def read_objects(paths: Sequence[Path]) -> tuple[list[Found], list[Verdict]]:
    """Every object of the files, with its own faults and those of its references; and the files that cannot be read."""
    found: list[Found] = []
    unread: list[Verdict] = []
    for path, file in _files(paths):
        try:
            documents = read_yaml_documents(path.read_bytes(), file)
        except OSError as error:
            unread.append(
                Verdict(file, None, False, f"cannot be read: {error.strerror or error}", "check the path and its permissions")
            )
            continue
        except PackFaults as error:
            unread += [Verdict(file, one.line, False, one.what, one.hint) for one in error.problems]
            continue
        except PackError as error:
            unread.append(Verdict(file, None, False, error.what, error.hint))
            continue
        objects = [one for document in documents for one in _objects(document)]
        if not objects:
            unread.append(Verdict(file, None, False, "there is no object in this file", READS))
        found += [_checked(Found(file, path, one)) for one in objects]
    _resolve(found)
    return found, unread


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.suffix in SUFFIXES and each.is_file())
            yield from ((each, f"{path.name}/{each.relative_to(path)}") for each in inside)
        else:
            yield path, short_name(path)


def _objects(document: Document) -> Iterator[Document]:
    """A document's objects: itself, or the items of a list."""
    if not isinstance(document.data, list):
        yield document
        return
    for index, item in enumerate(document.data):
        lines = {place[1:]: line for place, line in document.lines.items() if place[:1] == (index,)}
        problems = [one for one in document.problems if one.place[:1] == (index,)]
        yield Document(document.file, item, lines, problems)


def _get(data: object, key: str) -> Any:
    return data.get(key) if isinstance(data, dict) else None


def _checked(one: Found) -> Found:
    data = one.document.data
    for problem in one.document.problems:
        one.faults.append(Verdict(one.file, problem.line, False, problem.what, problem.hint, one.subject))
    if not isinstance(data, dict):
        one.fault("an object is a map", (), "begin with apiVersion, kind, metadata and spec")
        return one
    one.foreign = _foreign(data)
    if one.foreign:
        place: Place = next(((key,) for key in ("apiVersion", "version", "groups") if key in data), ())
        one.faults = [Verdict(one.file, one.document.line_of(place), False, f"this is {one.foreign}; {READS}", "", one.subject)]
        return one
    if "apiVersion" not in data:
        one.fault("'apiVersion' is missing", (), f"add apiVersion: {VERSION}")
        return one
    if one.kind not in KINDS:
        what = f"unknown kind '{one.kind}'" if one.kind else "'kind' is missing"
        one.fault(what, ("kind",), nearest(one.kind, KINDS, "kinds"))
        return one
    # Null is how YAML writes an entry left empty: as if it were not there.
    own = Document(one.file, _without_nulls(data), one.document.lines)
    try:
        model = KINDS[one.kind].model_validate(own.data)
    except ValidationError as error:
        note_validation_errors(own, KINDS[one.kind], error)
        for problem in own.problems:
            one.fault(problem.what, problem.place, problem.hint)
        return one
    if not one.faults:
        one.model = model
    return one


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _foreign(data: object) -> str:
    """Whose file this is, if it is somebody else's."""
    version = _get(data, "apiVersion")
    if isinstance(version, str) and version != VERSION:
        known = next((words for start, words in OTHERS if version.startswith(start)), "")
        if not known and version.startswith("openslo"):
            known = "an OpenSLO file of another version"
        kind = _get(data, "kind")
        if not known:
            known = (
                f"a Kubernetes file of kind {kind}"
                if (isinstance(kind, str) and "/" in version) or version == "v1"
                else "another format"
            )
        return f"{known} ({version})"
    other = _get(data, "version")
    if isinstance(other, str) and other.startswith("prometheus/"):
        return f"a Sloth file ({other})"
    groups = _get(data, "groups")
    if isinstance(groups, list) and any(
        _get(rule, "expr") is not None for group in groups for rule in _get(group, "rules") or ()
    ):
        return "a Prometheus rules file (groups of rules with expr)"
    return ""


# References


def _resolve(found: Iterable[Found]) -> None:
    found = list(found)
    names = {kind: {each.name for each in found if each.kind == kind and not each.foreign} for kind in KINDS}
    for each in found:
        for kind, name, place in _references(each.model):
            if name not in names[kind]:
                each.fault(f"there is no {kind} '{name}' here", place, nearest(name, names[kind], f"objects of kind {kind} here"))


def _references(model: object) -> Iterator[tuple[str, str, Place]]:
    """The kind, name and place of every reference that must lead somewhere."""
    if isinstance(model, PolicyObject):
        yield from _of_policy(model.spec, ("spec",))
    if not isinstance(model, SloObject):
        return
    if model.spec.indicatorRef is not None:
        yield "SLI", model.spec.indicatorRef, ("spec", "indicatorRef")
    for number, objective in enumerate(model.spec.objectives):
        if objective.indicatorRef is not None:
            yield "SLI", objective.indicatorRef, ("spec", "objectives", number, "indicatorRef")
    for number, policy in enumerate(model.spec.alertPolicies or ()):
        place: Place = ("spec", "alertPolicies", number)
        if policy.alertPolicyRef is not None:
            yield "AlertPolicy", policy.alertPolicyRef, (*place, "alertPolicyRef")
        if policy.spec is not None:
            yield from _of_policy(policy.spec, (*place, "spec"))


def _of_policy(spec: PolicySpec, place: Place) -> Iterator[tuple[str, str, Place]]:
    for number, condition in enumerate(spec.conditions):
        if condition.conditionRef is not None:
            yield "AlertCondition", condition.conditionRef, (*place, "conditions", number, "conditionRef")
    for number, target in enumerate(spec.notificationTargets):
        if target.targetRef is not None:
            yield "AlertNotificationTarget", target.targetRef, (*place, "notificationTargets", number, "targetRef")
