"""What any text of the repository refers to is there: sections, invariants, files, links, commands, settings, metrics.

What is found in a text, and what counts as there, is in ``tests/unit/repository/references.py``.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.unit.repository import references
from tests.unit.repository.references import FINDERS, ROOT, Repository, Text, texts

HISTORY = "CHANGELOG.md"
"""Tells of what was; only its links must go somewhere."""
EXAMPLES = {"tests/unit/repository/references.py", "tests/unit/repository/test_references.py"}
"""Full of references that are none."""
IN_DOCS_ONLY = {"link", "metric"}
WITH_NAMES = {"docs/architecture.md", "docs/glossary.md"}
"""Say where in the code something is; elsewhere words set as code may be fields of records, or another's."""
LEAST = {
    "section": 200, "invariant": 40, "path": 120, "dotted": 30, "name": 30, "link": 40, "command": 100, "setting": 20,
    "default": 25, "metric": 10,
}  # fmt: skip
"""How many of each there are at least: a finder that has gone blind finds nothing wrong."""


def to_check() -> list[Text]:
    return [text for text in texts() if text.name not in EXAMPLES]


@pytest.fixture(scope="module")
def repository() -> Repository:
    return Repository()


def found_in(text: Text, kind: str) -> list[tuple[int, str]]:
    if (kind in IN_DOCS_ONLY and text.path.suffix != ".md") or (text.name == HISTORY and kind != "link"):
        return []
    if kind == "name" and text.name not in WITH_NAMES:
        return []
    return list(FINDERS[kind](text.text))


def test_whatever_a_text_refers_to_is_there(repository: Repository) -> None:
    problems = [
        f"{text.name}:{text.line(position)}: {name}: {problem}"
        for kind in FINDERS
        for text in to_check()
        for position, name in found_in(text, kind)
        if (problem := getattr(repository, f"{kind}_problem")(name, text)) is not None
    ]
    assert not problems, "\n".join(["", *problems])


def test_no_text_sends_its_reader_to_what_is_not_in_the_repository() -> None:
    problems = [
        f"{text.name}:{text.line(position)}: {name}"
        for text in to_check()
        for position, name in references.gone(text.text)
    ]
    assert not problems, "\n".join(["", *problems])


def test_the_finders_are_not_blind() -> None:
    count = Counter({kind: sum(len(found_in(text, kind)) for text in to_check()) for kind in FINDERS})
    assert {kind: number for kind, number in count.items() if number < LEAST[kind]} == {}


def test_the_invariants_are_ten_and_each_names_its_tests(repository: Repository) -> None:
    assert repository.invariants == [f"I{number}" for number in range(1, 11)]
    architecture = (ROOT / "docs/architecture.md").read_text()
    rows = [line for line in architecture.splitlines() if line.startswith("| I")]
    assert [row[:6] for row in rows if "`tests/" not in row] == []


def test_the_glossary_is_in_order_and_has_each_word_once() -> None:
    rows = [line.split("|")[1].strip() for line in (ROOT / "docs/glossary.md").read_text().splitlines() if "|" in line]
    words = rows[rows.index("word") + 2 :]
    assert len(words) > 100
    assert words == sorted(set(words), key=str.casefold)


# --- the finders ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "names"),
    [
        ("section", "as of spec §4, §5 and §10: (§7)", ["4", "5", "10", "7"]),
        ("invariant", "I1, (I10) and I6. What I do over I/O, KIP-1 or VI2 is none", ["I1", "I10", "I6"]),
        ("path", "``profile/codec.py``, docs/spec.md, and/or 1/2 B/event", ["profile/codec.py", "docs/spec.md"]),
        ("path", "in `watermark.py`. Run it > out.md --html b.md", ["watermark.py"]),
        ("path", "all of tests/**, of [this](docs/no.md) and lab/evaluation.", ["tests/**", "lab/evaluation"]),
        ("path", "docs/architecture.md#seams.", ["docs/architecture.md#seams"]),
        ("path", "https://example.org/docs/spec.md, /tmp/streamer/x and application/json", []),
        ("dotted", ":class:`~streamer.profile.Profile`, streamer.toml", ["streamer.profile.Profile"]),
        ("name", "`Frame.growth`, `a.py`, `tag` and `open_stores`", ["Frame.growth", "open_stores"]),
        ("link", "[a](b.md#c) ![d](e.svg) [f](https://g.h) `[i](j.md)`", ["b.md#c", "e.svg"]),
        ("link", "```\n[a](b.md)\n```\n[k]: l.md\n", ["l.md"]),
        ("command", "`make lint types`, make sure of ``streamer check``", ["make lint types", "streamer check"]),
        ("command", "```sh\n$ STREAMER_GRACE=1 .venv/bin/streamer worker  # so\n```", ["streamer worker"]),
        ("command", "it does not exist: run  streamer topics create", ["streamer topics create"]),
        ("command", "`cd a && python -m lab evaluate --json`", ["python -m lab evaluate --json"]),
        ("command", "`streamer.toml`, `streamer/engine` and the streamer runs", []),
        ("setting", "STREAMER_GRACE, STREAMER_TILE_CAPS__TAGS, STREAMER_<NAME>", ["GRACE", "TILE_CAPS__TAGS"]),
        ("default", "1 h `[grace = 3600]`, `[name = value]`, [x = 1]", ["grace = 3600"]),
        ("metric", "`streamer_late_events_total`, streamer_run()", ["streamer_late_events_total"]),
    ],
)  # fmt: skip
def test_a_finder_finds_what_is_meant_and_nothing_else(kind: str, text: str, names: list[str]) -> None:
    assert [name for _, name in FINDERS[kind](text)] == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("as in design §8 or reading 12, departure D7", ["design §", "reading 12", "departure D7"]),
        ("docs/interpretation.md (D9)", ["interpretation.md", "D9"]),
        ("reading 3x faster, 3D, MD5, spec §8, redesign", []),
    ],
)
def test_what_is_gone_is_found(text: str, names: list[str]) -> None:
    assert [name for _, name in references.gone(text)] == names


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        ("section", "12", "11"),
        ("invariant", "I11", "I10"),
        ("path", "engine/table.py", "engine/state/checkpoint.py"),
        ("path", "docs/spec.md#9-no-such", "docs/spec.md#1-events"),
        ("path", "docs/schemas/*.toml", "docs/schemas/*.json"),
        ("path", "transports.py", "transport.py"),
        ("dotted", "streamer.profile.NoSuch", "streamer.profile.Profile"),
        ("dotted", "streamer.table", "streamer.engine.worker"),
        ("name", "Frame.no_such", "Frame.growth"),
        ("link", "no-such.md", "../../README.md"),
        ("link", "spec.md#no-such", "spec.md#1-events"),
        ("command", "make coffee", "make lint types"),
        ("command", "streamer evaluate", "streamer --set grace=1 topics create|check"),
        ("command", "streamer topics destroy", "streamer replay kuairand PATH --as-is"),
        ("command", "streamer demo --no-such", "streamer demo --keep"),
        ("command", "python -m lab measure", "python -m lab evaluate --json"),
        ("command", "python -m benchmarks.no_such", "python -m benchmarks.live --quick"),
        ("setting", "NO_SUCH", "TILE_CAPS__TAGS"),
        ("default", "grace = 60", "grace = 3600"),
        ("default", "no_such = 1", "context_dimensions = daypart, device"),
        ("metric", "streamer_no_such", "streamer_late_events_total"),
    ],
)
def test_what_is_not_there_is_told_from_what_is(kind: str, wrong: str, right: str, repository: Repository) -> None:
    of = Text(ROOT / "docs/schemas/x.md" if "../.." in right else ROOT / "docs/x.md", "docs/x.md", "")
    problem_of = getattr(repository, f"{kind}_problem")
    assert problem_of(right, of) is None
    assert problem_of(wrong, of)


def test_headings_have_the_anchors_of_github(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text('# One & two\n```\n# no heading\n```\n## `make x`: why?\n## One & two\n<a id="own"></a>\n')
    assert references.anchors(page) == {"one--two", "make-x-why", "one--two-1", "own"}


def test_of_python_only_comments_and_strings_are_read() -> None:
    source = '"""Says §1."""\nx = data["§2"]  # and §3\ndef f():\n    """And\n    §4."""\n    return f"§5 {x}"\n'
    assert [name for _, name in references.sections(references.prose(source))] == ["1", "2", "3", "4", "5"]
    assert [name for _, name in references.sections(references.prose(source, docstrings=True))] == ["1", "3", "4"]
    assert [position for position, _ in references.sections(references.prose(source))] == [
        position for position, found in enumerate(source) if found == "§"
    ]
