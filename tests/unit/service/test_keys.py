"""API keys: the file has digests alone, and whatever is wrong with it is said at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamer.errors import SettingsError
from streamer.service.keys import ApiKeys, new_key


def test_a_key_that_was_made_is_its_callers_and_no_other_is_anybodys(tmp_path: Path) -> None:
    key, lines = new_key("shop", ["read", "write"])
    other, more = new_key("ops", ["admin"])
    file = tmp_path / "keys.toml"
    file.write_text("\ufeff" + lines + "\n" + more, encoding="utf-8")
    assert key not in file.read_text()
    keys = ApiKeys.of_file(file)
    found = keys.caller(key)
    assert found is not None
    assert (found.name, found.scopes) == ("shop", {"read", "write"})
    operator = keys.caller(other)
    assert operator is not None
    assert operator.name == "ops"
    for wrong in ("", key[:-1], key + "x", key.upper(), "\ud800"):
        assert keys.caller(wrong) is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", ["there are no keys in it"]),
        (b"\xff\xfe", ["cannot be read"]),
        (b"[a", ["cannot be read"]),
        (b'[a]\nsha256 = "12"\nscopes = ["read"]\n[b]\nscopes = ["all"]\nsha256 = ""\n[c]\n', ["[a]", "[b]", "[c]"]),
        (b'a = "sk_x"', ["[a]"]),
    ],
)
def test_every_problem_of_the_file_is_named(content: bytes, told: list[str], tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        ApiKeys.of_file(file)
    assert len(raised.value.problems) == len(told)
    assert all(each in problem for each, problem in zip(told, raised.value.problems, strict=True))
    with pytest.raises(SettingsError):
        ApiKeys.of_file(tmp_path / "none.toml")
