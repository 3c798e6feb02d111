"""What the repository's texts refer to: sections, invariants, files, names, links, commands, settings, metrics.

Found in every text there is, comments and docstrings of code included, by the rules below; whether it exists is for
:class:`Repository` to say. A finder yields (position in the text, what is referred to).
"""

from __future__ import annotations

import ast
import importlib.util
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

Found = Iterator[tuple[int, str]]

ROOT: Final = Path(__file__).parents[3]
PACKAGES: Final = ("streamer", "lab", "benchmarks", "tests")
WITHIN: Final = ("", "streamer", "lab", "tests")
"""Folders that a path may begin in: ``engine/state/store.py`` is ``streamer/engine/state/store.py``."""
FILES: Final = (".py", ".md", ".toml", ".yml", ".xml", ".java")
NAMED_FILES: Final = {"Makefile", "Dockerfile", "run"}
OUTSIDE: Final = {"checkpointing/checkpoint.py", "events/s"}
"""A file of another project, and a rate."""

_SECTION: Final = re.compile(r"§\s?(\d+)")
_INVARIANT: Final = re.compile(r"(?<![\w.-])(I\d{1,2})\b(?![-.]\d)")
_DEFINED: Final = re.compile(r"^\| \*?\*?(I\d+)\b", re.MULTILINE)
_PATH: Final = re.compile(
    r"(?<![\w/.\-~:{}$<>\\=@])((?:[\w.\-]+/)+[\w.*\-]*|[\w.*\-]+\.(?:py|md)\b(?!\.\w))(#[\w\-]+)?"
)
_DOTTED: Final = re.compile(rf"(?<![\w./\-])((?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+)(?![\w/]|\.\w)")
_NAME: Final = re.compile(r"`((?:[A-Z]\w+|[a-z]+(?:_[a-z]+)+)(?:\.\w+)*)`")
_NOT_OURS: Final = {"FLUSHALL", "SIGTERM", "README"}
_NO_MODULES: Final = {"toml", "log", "yml", "md", "json"}
_FENCE: Final = re.compile(r"^ *(?:```|~~~).*\n((?:.*\n)*?) *(?:```|~~~) *$", re.MULTILINE)
_CODE: Final = re.compile(r"(`+)([^`\n]+(?:\n[^`\n]+)?)\1")
_LINK: Final = re.compile(
    r"(?<!\\)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|^ {0,3}\[[^\]^]+\]:\s+<?(\S+?)>?\s*$", re.MULTILINE
)
_HEADING: Final = re.compile(r"^#{1,6} +(.+?)(?: +#+)? *$", re.MULTILINE)
_ANCHOR: Final = re.compile(r"<a +(?:id|name)=\"([^\"]+)\"")
_PROGRAM: Final = re.compile(
    r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:[\w.$()\-]*/)*(streamer|make|python[\d.]* -m [\w.]+)(?= |$)(.*)", re.DOTALL
)
_BARE_COMMAND: Final = re.compile(r"(?:^ {4,}|  |^\t@?)(\S*\b(?:streamer|python[\d.]* -m) [^\n\"']*)", re.MULTILINE)
_SETTING: Final = re.compile(r"(?<!\w)STREAMER_([A-Z][A-Z_]*[A-Z])(?![\w<])")
_DEFAULT: Final = re.compile(r"`\[(\w+) = ([^\]`]+)\]`")
_METRIC: Final = re.compile(r"(?<![\w.])(streamer_[a-z]+(?:_[a-z]+)*)\b(?!\()")
_GONE: Final = re.compile(
    r"[Dd]esign(?:\.md)? ?§|\b(?:design|house|style|interpretation)\.md"
    r"|\b[Rr]eadings? \d+\b|\b[Dd]epartures? D?\d|\bD[1-9]\b"
)
_KEPT: Final = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


def sections(text: str) -> Found:
    """§ is the spec's, here and in every text."""
    return ((found.start(), found[1]) for found in _SECTION.finditer(text))


def invariants(text: str) -> Found:
    """I1 and its like; neither the pronoun nor KIP-1 nor I/O."""
    return ((found.start(), found[1]) for found in _INVARIANT.finditer(text))


def paths(text: str) -> Found:
    """Files and folders: what begins with one of ours, or ends like one of our texts; ``*`` stands for anything."""
    for found in _PATH.finditer(_without_links(text)):
        path = found[1].rstrip(".*-") if found[1].endswith((".", "-")) else found[1]
        first, slash, _ = path.partition("/")
        is_output = not slash and re.search(r"(?:--[\w-]+|>) $", text[: found.start(1)][-20:])
        if (slash and first in _roots()) or (re.search(r"[\w*]\.(?:py|md)$", path) and not is_output):
            yield found.start(1), path + (found[2] or "")


def dotted(text: str) -> Found:
    """Modules, and what is in them: ``streamer.profile.Profile``."""
    for found in _DOTTED.finditer(text):
        last = found[1].rpartition(".")[2]
        if last not in _NO_MODULES and last != "NAME":
            yield found.start(1), found[1]


def names(text: str) -> Found:
    """Classes, constants, functions, settings, where a page sets them as code: ``open_stores``, ``Frame.growth``."""
    return ((found.start(), found[1]) for found in _NAME.finditer(text) if _is_ours(found[1]))


def _is_ours(name: str) -> bool:
    return name not in _NOT_OURS and not name.startswith("streamer_")  # a metric


def links(text: str) -> Found:
    """Where Markdown's links go within the repository."""
    for found in _LINK.finditer(_without_code(text)):
        target = found[1] or found[2]
        if not re.match(r"[a-z]+:", target):
            yield found.start(), target


def commands(text: str) -> Found:
    """Calls of ``streamer``, ``make`` and ``python -m``, in code spans, code blocks, and after two spaces."""
    for begin, span in _code(text):
        for part in re.split(r"&& |; ", span):
            found = _PROGRAM.match(part.strip())
            if found is not None:
                yield begin, " ".join(f"{found[1]} {found[2]}".split())


def settings(text: str) -> Found:
    """Settings as environment variables."""
    return ((found.start(), found[1]) for found in _SETTING.finditer(text))


def defaults(text: str) -> Found:
    """Settings with their defaults, as the spec has them: ``[grace = 3600]``."""
    for found in _DEFAULT.finditer(text):
        if found[1] != "name":
            yield found.start(), f"{found[1]} = {' '.join(found[2].split())}"


def metrics(text: str) -> Found:
    """Metrics by their full names."""
    return ((found.start(), found[1]) for found in _METRIC.finditer(text))


def gone(text: str) -> Found:
    """What nobody can look up any more: texts that are not in the repository, and their numbers."""
    return ((found.start(), found[0]) for found in _GONE.finditer(text))


def _code(text: str) -> Found:
    for found in _CODE.finditer(text):
        yield found.start(2), found[2]
    for found in _FENCE.finditer(text):
        begin = found.start(1)
        for line in found[1].splitlines(keepends=True):
            yield begin, line.split(" #")[0]
            begin += len(line)
    for found in _BARE_COMMAND.finditer(text):
        yield found.start(1), found[1].split("  ")[0]


def _without_code(text: str) -> str:
    """The text with its code blanked, so that positions stay."""
    text = _FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return _CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _without_links(text: str) -> str:
    """The text without where its links go."""
    return _LINK.sub(lambda found: " " * len(found[0]), text)


def prose(source: str, *, docstrings: bool = False) -> str:
    """The comments and strings of a Python source, at their positions; of the strings only docstrings, if so asked."""
    said = {
        (node.value.lineno, node.value.col_offset)
        for node in (ast.walk(ast.parse(source)) if docstrings else ())
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    lines = source.splitlines(keepends=True)
    kept = [re.sub(r"[^\n]", " ", line) for line in lines]
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _KEPT or (docstrings and token.type != tokenize.COMMENT and token.start not in said):
            continue
        (first, begin), (last, end) = token.start, token.end
        for number in range(first, last + 1):
            line, since = lines[number - 1], begin if number == first else 0
            until = end if number == last else len(line)
            kept[number - 1] = kept[number - 1][:since] + line[since:until] + kept[number - 1][until:]
    return "".join(kept)


@cache
def _roots() -> frozenset[str]:
    """First parts of a path that is one of ours."""
    tops = {*PACKAGES, "docs", "deploy", ".ci", ".github"}
    return frozenset(
        tops | {each.name for top in ("streamer", "lab") for each in (ROOT / top).iterdir() if each.is_dir()}
    )


class Text(NamedTuple):
    """One file that people read."""

    path: Path
    name: str
    text: str

    def line(self, position: int) -> int:
        """The line, from 1, that a position is in."""
        return self.text.count("\n", 0, position) + 1


@cache
def texts() -> tuple[Text, ...]:
    """All texts of the repository; of Python sources their comments and strings.

    Of tests only comments and docstrings: what they are fed with may be wrong, and often is on purpose.
    """
    found = []
    for file in sorted(ROOT.rglob("*")):
        parts = file.relative_to(ROOT).parts
        if any(part.startswith(".") and part not in (".ci", ".github") for part in parts):
            continue
        if parts[0] in ("build", "dist") or not {"data", "fixtures", "__pycache__"}.isdisjoint(parts):
            continue
        if file.is_file() and (file.suffix in FILES or file.name in NAMED_FILES):
            text = file.read_text()
            if file.suffix == ".py":
                text = prose(text, docstrings=parts[0] == "tests")
            found.append(Text(file, "/".join(parts), text))
    return tuple(found)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading.

    >>> slug("5. Counts: the *windowed* tables"), slug("`make test`, [links](a.md) and E ≥ 1")
    ('5-counts-the-windowed-tables', 'make-test-links-and-e--1')
    """
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.replace("`", ""))
    return re.sub(r"[^\w\- ]", "", text.replace("*", "").strip().lower()).replace(" ", "-")


class Repository:
    """What there is to refer to. Every ``…_problem`` says why a reference does not resolve, None if it does."""

    def section_problem(self, number: str, _of: Text) -> str | None:
        return None if number in self._sections else f"docs/spec.md has no section {number}"

    def invariant_problem(self, name: str, _of: Text) -> str | None:
        return None if name in self.invariants else "docs/architecture.md defines no such invariant"

    def path_problem(self, path: str, of: Text) -> str | None:
        if path in OUTSIDE:
            return None
        path, _, anchor = path.partition("#")
        files = [file for folder in WITHIN for file in self._files(ROOT / folder, path)] or list(
            self._files(of.path.parent, path)
        )
        if not files and "/" not in path:
            files = self._by_name.get(path, [])
        if not files:
            return "there is no such file"
        return f"has no heading #{anchor}" if anchor and anchor not in anchors(files[0]) else None

    def dotted_problem(self, name: str, _of: Text) -> str | None:
        parts = name.split(".")
        for end in range(len(parts), 0, -1):
            module = ROOT.joinpath(*parts[:end])
            file = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
            if file.exists():
                inside = parts[end:]
                if not inside or (inside[0] in names_in(file) and self._defined.issuperset(inside[1:])):
                    return None
                return f"{'.'.join(parts[:end])} has no {'.'.join(inside)}"
        return "there is no such module"

    def name_problem(self, name: str, _of: Text) -> str | None:
        return None if self._defined.issuperset(name.split(".")) else "nothing of ours is called so"

    def link_problem(self, target: str, of: Text) -> str | None:
        path, _, anchor = target.partition("#")
        file = (of.path.parent / path).resolve() if path else of.path
        if not file.exists():
            return "there is no such file"
        return f"has no heading #{anchor}" if anchor and anchor not in anchors(file) else None

    def command_problem(self, command: str, _of: Text) -> str | None:
        program, *words = command.split(" ")
        if program == "make":
            return self._make_problem(words)
        if program == "streamer":
            return _call_problem(self._apps["streamer.cli"], words)
        module, *words = words[1:]
        if module in self._apps:
            return _call_problem(self._apps[module], words)
        last = module.rpartition(".")[2]
        return None if last.isupper() or _is_module(module) else f"there is no module {module}"

    def setting_problem(self, name: str, _of: Text) -> str | None:
        first, *inside = name.lower().split("__")
        if first in ("config", *self._defaults) or name.startswith("TEST_"):
            return None if len(inside) < 2 else "is nested too deep"
        return "there is no such setting"

    def default_problem(self, default: str, _of: Text) -> str | None:
        name, _, value = default.partition(" = ")
        if name not in self._defaults:
            return "there is no such setting"
        known = self._defaults[name] or "()"
        return None if value == known else f"the default is {known}"

    def metric_problem(self, name: str, _of: Text) -> str | None:
        return None if name in self._metrics else "there is no such metric"

    # --- what there is --------------------------------------------------------------------------------------

    @cached_property
    def _sections(self) -> set[str]:
        spec = ROOT / "docs/spec.md"
        return set(re.findall(r"^## (\d+)\.", spec.read_text(), re.MULTILINE)) if spec.exists() else set()

    @cached_property
    def invariants(self) -> list[str]:
        """Those that are defined, in order."""
        return _DEFINED.findall((ROOT / "docs/architecture.md").read_text())

    @cached_property
    def _defined(self) -> set[str]:
        """Every class, function, argument and attribute that any of our modules defines, under whatever class."""
        found: set[str] = set()
        for text in texts():
            for node in ast.walk(ast.parse(text.path.read_text())) if text.path.suffix == ".py" else ():
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    found.add(node.name)
                elif isinstance(node, ast.arg):
                    found.add(node.arg)
                elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
                    found.add(node.id if isinstance(node, ast.Name) else node.attr)
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for text in texts():
            found.setdefault(text.path.name, []).append(text.path)
        return found

    @staticmethod
    def _files(folder: Path, path: str) -> Iterator[Path]:
        if "*" in path:
            yield from folder.glob(path)
        else:
            yield from (file for file in (folder / path, folder / f"{path}.py") if file.exists())

    @cached_property
    def _targets(self) -> set[str]:
        return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    def _make_problem(self, words: list[str]) -> str | None:
        wrong = [word for word in words if re.fullmatch(r"[a-z-]+", word) and word not in self._targets | {"-k"}]
        return f"the Makefile has no target {', '.join(wrong)}" if wrong else None

    @cached_property
    def _apps(self) -> dict[str, Any]:
        from typer.main import get_command

        from lab.__main__ import app as lab
        from streamer.cli.app import app as streamer

        return {"streamer.cli": get_command(streamer), "lab": get_command(lab)}

    @cached_property
    def _defaults(self) -> dict[str, str]:
        from streamer.cli.settings import rows

        return {row.name: row.default for row in rows()}

    @cached_property
    def _metrics(self) -> set[str]:
        from streamer.engine.metrics import Metrics

        families = list(Metrics().registry.collect())
        samples = {f"{each.name}{end}" for each in families for end in ("_total", "_bucket", "_sum", "_count")}
        return samples | {family.name for family in families}


def _call_problem(command: Any, words: list[str]) -> str | None:
    """What is wrong with a call of a command: no such command, or no such option."""
    options = {"--help", "-h"}
    while True:
        options |= {name for param in command.params for name in param.opts + param.secondary_opts}
        if not isinstance(getattr(command, "commands", None), dict):
            break
        while words and words[0].startswith("-") and len(words) > 1:
            words = words[1 if words[0] in ("--help", "-h") else 2 :]
        if not words or not re.fullmatch(r"[a-z][a-z|-]*", words[0]):
            break
        asked = words[0].split("|")
        missing = [name for name in asked if name not in command.commands]
        if missing:
            return f"{command.name or 'it'} has no command {', '.join(missing)}"
        command, words = command.commands[asked[0]], words[1:]
    wrong = [word for word in re.findall(r"(?<!\S)--[a-z][a-z-]*", " ".join(words)) if word not in options]
    return f"{command.name} has no option {', '.join(wrong)}" if wrong else None


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


@cache
def anchors(file: Path) -> frozenset[str]:
    """What a link to a Markdown file may point to."""
    if file.suffix != ".md":
        return frozenset()
    text = file.read_text()
    found: list[str] = []
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        name = slug(heading)
        found.append(f"{name}-{found.count(name)}" if name in found else name)
    return frozenset(found) | frozenset(_ANCHOR.findall(text))


def top_of(module: ast.Module) -> Iterator[ast.stmt]:
    """The statements at a module's top, and what it imports within ``with needing(...)``."""
    for node in module.body:
        yield from node.body if isinstance(node, ast.With) else (node,)


@cache
def names_in(file: Path) -> frozenset[str]:
    """What a module defines or imports at its top."""
    found: set[str] = set()
    for node in top_of(ast.parse(file.read_text())):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        else:
            found |= {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return frozenset(found)


FINDERS: Final[dict[str, Callable[[str], Found]]] = {
    "section": sections,
    "invariant": invariants,
    "path": paths,
    "dotted": dotted,
    "name": names,
    "link": links,
    "command": commands,
    "setting": settings,
    "default": defaults,
    "metric": metrics,
}
