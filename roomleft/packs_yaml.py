"""YAML that a person wrote, read strictly: where every value stands is remembered, and every fault of a file is told at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from roomleft.errors import PackError

Step = str | int
Place = tuple[Step, ...]
LARGEST_FILE_BYTES = 1_000_000
MOST_NODES = 200_000
"""Aliases of aliases could otherwise grow without end."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML's core types only: `yes`, `no`, `on`, `off` and `12:30` stay words, as their writer meant them.

    On the C parser where PyYAML has it: ten times as fast.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:null|~|)$", ["~", "n", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+)$", "-+.0123456789"),
    ("timestamp", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: what is wrong, at which place of the file (its line too, where known), what to do."""

    what: str
    place: Place = ()
    hint: str = ""
    line: int | None = None


class PackFaults(PackError):
    """Every fault found in one file. `what`, `where` and `hint` are those of the first; `str` tells them all."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(first.what, where_of(file, first), first.hint)
        self.file = file
        self.problems = tuple(problems)

    def each(self) -> list[PackError]:
        """Every fault as an error of its own."""
        return [PackError(one.what, where_of(self.file, one), one.hint) for one in self.problems]

    def __str__(self) -> str:
        lines = []
        for one in self.problems:
            lines.append(f"{where_of(self.file, one)}: {one.what}" + (f" ({one.hint})" if one.hint else ""))
        return "\n".join(lines)


def path_text(place: Place) -> str:
    """`limits[3].meter`."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else (f".{step}" if text else step)
    return text


def where_of(file: str, problem: Problem) -> str:
    """`packs/scribe.yaml: limits[3].meter, line 214`."""
    parts = [path_text(problem.place)] if problem.place else []
    if problem.line is not None:
        parts.append(f"line {problem.line}")
    return file + (": " + ", ".join(parts) if parts else "")


def nearest(name: object, valid: Iterable[object], what: str = "valid") -> str:
    """A hint: the valid name most like `name`, or else all of them."""
    names = sorted(str(one) for one in valid)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    if not names:
        return f"there are no {what}" if what != "valid" else "nothing is valid here"
    shown = names if len(names) <= 30 else [*names[:30], f"and {len(names) - 30} more"]
    return f"{what}: {', '.join(shown)}"


@dataclass(slots=True)
class Document:
    """A read file: its data as dicts, lists and scalars, the line of every place, and the faults of the YAML itself."""

    file: str
    data: object = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, place: Place) -> int | None:
        """The line of a place, or of the nearest place around it that the file has."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place)

    def add(self, what: str, place: Place = (), hint: str = "") -> None:
        """Note a fault at a place."""
        self.problems.append(Problem(what, place, hint, self.line_of(place)))

    def refuse(self) -> None:
        """Raise PackFaults if there are faults, in the order of the file."""
        if self.problems:
            unique = list(dict.fromkeys(self.problems))
            raise PackFaults(self.file, sorted(unique, key=lambda p: (p.line or 0, path_text(p.place))))


def short_name(path: Path) -> str:
    """The file as people speak of it: its folder and name."""
    return f"{path.parent.name}/{path.name}" if path.parent.name else path.name


def read_yaml(path: Path) -> Document:
    """Read a YAML file of one document. Duplicate keys and odd keys are faults of the Document; what is not YAML raises PackFaults."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PackError(
            f"cannot be read: {error.strerror or error}", short_name(path), "check the path and its permissions"
        ) from error
    return read_yaml_text(raw, short_name(path))


def read_yaml_text(raw: bytes | str, file: str) -> Document:
    """The same for text that is already read."""
    document = Document(file)
    if len(raw) > LARGEST_FILE_BYTES:
        raise PackError(f"the file is larger than {LARGEST_FILE_BYTES:,} bytes", file, "a pack is a page or two of YAML")
    with _explained(file):
        loader = _Loader(raw)
        node = loader.get_single_node()
        if node is None:
            raise PackFaults(file, [Problem("the file is empty", hint="a pack begins with slug, title and summary")])
        document.data = _Builder(document, loader).build(node, ())
    return document


def read_yaml_documents(raw: bytes | str, file: str) -> list[Document]:
    """Each document of a YAML (or JSON) file that may hold several; their lines are the file's. An empty one is left out.

    Raises PackFaults for what is not YAML, PackError for a file that is too large.
    """
    if len(raw) > LARGEST_FILE_BYTES:
        raise PackError(f"the file is larger than {LARGEST_FILE_BYTES:,} bytes", file, "split it")
    found = []
    with _explained(file):
        loader = _Loader(raw)
        while loader.check_node():
            document = Document(file)
            document.data = _Builder(document, loader).build(loader.get_node(), ())
            if document.data is not None:
                found.append(document)
    return found


@contextmanager
def _explained(file: str) -> Iterator[None]:
    """What YAML refuses, as PackFaults with the line."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else None
        raise PackFaults(
            file, [Problem(f"not YAML: {words}", line=line, hint="check indentation and quotes near this line")]
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PackFaults(
            file, [Problem(f"not YAML: {' '.join(str(error).split())}", hint="save the file as UTF-8 text")]
        ) from error
    except RecursionError as error:
        raise PackFaults(file, [Problem("nested too deeply", hint="a pack is at most a few levels deep")]) from error


class _Builder:
    def __init__(self, document: Document, loader: _Loader) -> None:
        self.document = document
        self.loader = loader
        self.nodes = 0

    def build(self, node: yaml.Node, place: Place) -> object:
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise PackFaults(
                self.document.file, [Problem("more values than a pack can have", hint="look for anchors that refer to anchors")]
            )
        self.document.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*place, index)) for index, item in enumerate(node.value)]
        try:
            return self.loader.construct_object(node)
        except (ValueError, yaml.constructor.ConstructorError) as error:
            self.document.add(
                f"cannot be read: {' '.join(str(getattr(error, 'problem', None) or error).split())}",
                place,
                "write it as a quoted string",
            )
            return None

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, object]:
        built: dict[str, object] = {}
        merged: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.document.add("a key must be a word", place, "lists and maps cannot be keys")
                continue
            key = str(key_node.value)
            if key == "<<" and not key_node.style:
                merged += value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                continue
            if key in built:
                first = self.document.lines.get((*place, key))
                self.document.problems.append(
                    Problem(
                        f"key '{key}' appears twice", (*place, key), f"the first is on line {first}", key_node.start_mark.line + 1
                    )
                )
                continue
            self.document.lines[(*place, key)] = key_node.start_mark.line + 1
            built[key] = self.build(value_node, (*place, key))
        for other in merged:
            self._merge(other, built, place)
        return built

    def _merge(self, node: yaml.Node, built: dict[str, object], place: Place) -> None:
        """YAML's `<<`: what another map has and this one has not."""
        if not isinstance(node, yaml.MappingNode):
            self.document.add("<< takes in a map", place, "write for example <<: *name")
            return
        own = [pair for pair in node.value if str(pair[0].value) == "<<" or str(pair[0].value) not in built]
        given = self._mapping(yaml.MappingNode(node.tag, own, node.start_mark, node.end_mark), place)
        built.update({key: value for key, value in given.items() if key not in built})
