"""A trained retriever as one file, replaced as a whole: options, catalogue, parameters, and the format's version."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import Final

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import numpy.typing as npt
from flax import nnx
from msgspec import Struct
from numpy.lib.npyio import NpzFile

from streamer.errors import CheckpointError, SettingsError
from streamer.learning.retriever import correction_file
from streamer.learning.retriever.correction import Correction
from streamer.learning.retriever.histories import TAGS_OF_AN_ITEM, Ints, Items
from streamer.learning.retriever.model import Retriever
from streamer.learning.retriever.options import Options

VERSION: Final = 1


class _Head(Struct):
    """What stands before the numbers. ``version`` comes first, so that it is read whatever follows."""

    version: int
    options: Options
    step: int
    content_ids: tuple[str, ...]
    creator_ids: tuple[str, ...]
    tags: tuple[str, ...]
    users: tuple[str, ...] = ()


class _Version(Struct):
    version: int


class Trained(Struct):
    """A retriever with what it was trained by.

    Attributes:
        step: of training, after which it was saved.
        correction: of its logits; None: none, or it was not learned yet, which comes after the last step.
    """

    retriever: Retriever
    options: Options
    items: Items
    step: int
    correction: Correction | None = None


def save(file: Path, trained: Trained) -> None:
    """Writes a checkpoint; a crash leaves the one of before, or this one.

    Raises:
        CheckpointError: it cannot be written.
    """
    items = trained.items
    users = correction_file.users_of(trained.correction)
    head = _Head(VERSION, trained.options, trained.step, items.content_ids, items.creator_ids, items.tags, users)
    arrays = {f"p{n}": np.asarray(leaf) for n, leaf in enumerate(_leaves(trained.retriever))}
    arrays |= {"head": np.frombuffer(msgspec.json.encode(head), np.uint8)}
    arrays |= {"creator_of": items.creator_of, "tags_of": items.tags_of}
    arrays |= correction_file.arrays_of(trained.correction)
    draft = file.with_name(file.name + ".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as out:
            np.savez(out, **arrays)  # type: ignore[arg-type]
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    except OSError as error:
        raise CheckpointError(f"{file} cannot be written: {error.strerror}; name another file") from None


def load(file: Path) -> Trained:
    """Reads a checkpoint.

    Raises:
        CheckpointError: there is none, it is damaged, or of another version.
    """
    try:
        return _trained(file, _arrays(file))
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise CheckpointError(f"there is no {file}: make it with  streamer train FOLDER") from None
        raise CheckpointError(f"{file} cannot be read: {error}; train anew") from None
    except (ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, SettingsError) as error:
        why = " ".join(str(error).split())  # of others' words, one line
        raise CheckpointError(f"{file} is no checkpoint, or damaged ({why}): train anew") from None


def _arrays(file: Path) -> dict[str, npt.NDArray[np.generic]]:
    with file.open("rb") as opened:
        stored = np.load(opened, allow_pickle=False)
        if not isinstance(stored, NpzFile):
            raise ValueError("it holds a single array")
        with stored:
            found: dict[str, object] = {name: stored[name] for name in stored.files}
    arrays = {name: content for name, content in found.items() if isinstance(content, np.ndarray)}
    if foreign := found.keys() - arrays.keys():
        raise ValueError(f"{min(foreign)} is no array")
    return arrays


def _trained(file: Path, found: dict[str, npt.NDArray[np.generic]]) -> Trained:
    head_bytes = found["head"].tobytes()
    version = msgspec.json.decode(head_bytes, type=_Version).version
    if version != VERSION:
        raise CheckpointError(f"{file} is of version {version}, this Streamer's is {VERSION}: train anew")
    head = msgspec.json.decode(head_bytes, type=_Head)
    head.options.check()
    count = len(head.content_ids)
    creator_of = _indices(found, "creator_of", (count,), len(head.creator_ids))
    tags_of = _indices(found, "tags_of", (count, TAGS_OF_AN_ITEM), len(head.tags))
    items = Items(head.content_ids, head.creator_ids, head.tags, creator_of, tags_of)
    retriever = Retriever(items, head.options)
    state = nnx.state(retriever, nnx.Param)
    leaves, shape = jax.tree.flatten(state)
    numbers = [found[f"p{n}"] for n in range(len(leaves))]
    for new, old in zip(numbers, leaves, strict=True):
        if (new.shape, new.dtype) != (old.shape, old.dtype):
            raise ValueError("its numbers are of another shape or type than its options say")
        if not np.isfinite(np.asarray(new, np.float32)).all():
            raise ValueError("some of its numbers are infinite or none")
    nnx.update(retriever, jax.tree.unflatten(shape, [jnp.asarray(each) for each in numbers]))
    return Trained(retriever, head.options, items, head.step, correction_file.read(found, items, head.users))


def _indices(found: dict[str, npt.NDArray[np.generic]], name: str, shape: tuple[int, ...], below: int) -> Ints:
    array = found[name]
    if array.dtype.kind != "i" or array.shape != shape:
        raise ValueError(f"{name} does not fit its catalogue")
    indices = array.astype(np.int32)
    if not ((indices >= 0) & (indices < below)).all():
        raise ValueError(f"{name} does not fit its catalogue")
    return indices


def _leaves(retriever: Retriever) -> list[jax.Array]:
    found: list[jax.Array] = jax.tree.leaves(nnx.state(retriever, nnx.Param))
    return found
