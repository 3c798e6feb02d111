"""Output on terminals and pipes that have only a few signs: others stand for those that they have not."""

from __future__ import annotations

import codecs
import io
from typing import Final, TextIO

_NAME: Final = "streamer-plain"
_PLAIN: Final = {
    "✓": "ok", "✗": "NO", "…": "...", "→": "->", "–": "-", "—": "-", "·": "*", "•": "*", "≥": ">=", "≤": "<=", "×": "x",
    "─": "-", "━": "-", "│": "|", "┃": "|", "“": '"', "”": '"', "‘": "'", "’": "'",
}  # fmt: skip


def make_plain(stream: TextIO) -> None:
    """From now on what the stream's encoding has not is written as what is most like it, else as ``?``."""
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error(_NAME, _likeness)
        stream.reconfigure(errors=_NAME)


def _likeness(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end
