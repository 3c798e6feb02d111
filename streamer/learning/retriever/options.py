"""What a retriever is and how it is trained."""

from __future__ import annotations

from typing import Final, Literal, get_args

from msgspec import Struct
from msgspec.structs import asdict

from streamer.errors import SettingsError

Ablation = Literal["none", "input", "loss", "both", "exclusion", "contrast", "taste", "apart"]
"""What becomes of negative feedback.

``none``: it is left out. ``input``: the model sees it in histories. ``loss``: it is not to be recommended. ``both``:
the two. ``exclusion``: left out, and items by creators whom a user disliked something of are taken off their list by
hand. ``contrast``: two encoders, of what was wanted and of what was refused, told apart by a contrastive term, after
PNFRec (RecSys 2025). ``taste``: left out, and what was wanted is counted as well. ``apart``: so it is, and what is not
to be recommended is learned apart (``correction.py``).
"""

LARGEST_SEED: Final = 2**32 - 1
ABLATIONS: Final[tuple[Ablation, ...]] = get_args(Ablation)
CORRECTED: Final[frozenset[Ablation]] = frozenset({"taste", "apart"})
"""Those whose retriever is that of ``none``, and is corrected afterwards."""


class Options(Struct, frozen=True):
    """A retriever's options.

    Attributes:
        ablation: what becomes of negative feedback.
        width: of every embedding and state.
        blocks, heads: of self-attention.
        length: interactions of a history that are looked at, the newest.
        dropout: 0–1.
        steps: of training.
        batch: windows of histories per step.
        targets: targets per step, drawn from those of the batch.
        learning_rate: of Adam.
        full_below: catalogues smaller than this are ranked whole at every step; of larger ones items are sampled.
        sampled: items sampled per step.
        refused_among: against how many other items, in the mean, p of a refused one is; 0: against all.
        seed: the same seed, data and machine give the same model.
    """

    ablation: Ablation = "both"
    width: int = 64
    blocks: int = 2
    heads: int = 2
    length: int = 100
    dropout: float = 0.1
    steps: int = 600
    batch: int = 32
    targets: int = 512
    learning_rate: float = 0.002
    full_below: int = 50_000
    sampled: int = 4096
    refused_among: int = 1
    seed: int = 0

    def check(self) -> None:
        """Makes sure that they can work.

        Raises:
            SettingsError: naming every problem.
        """
        whole = ("width", "blocks", "heads", "length", "steps", "batch", "targets", "sampled")
        problems = [f"{name}: must be >= 1, got {asdict(self)[name]}" for name in whole if asdict(self)[name] < 1]
        if self.ablation not in ABLATIONS:
            problems.append(f"ablation: must be one of {', '.join(ABLATIONS)}, got {self.ablation}")
        if self.heads >= 1 and self.width % self.heads:
            problems.append(f"width: must be a multiple of heads, {self.heads}, got {self.width}")
        if self.refused_among < 0:
            problems.append(f"refused_among: must be >= 0, got {self.refused_among}")
        if not 0 <= self.dropout < 1:
            problems.append(f"dropout: must be >= 0 and < 1, got {self.dropout}")
        if not 0 <= self.seed <= LARGEST_SEED:
            problems.append(f"seed: must be >= 0 and <= {LARGEST_SEED}, got {self.seed}")
        if not self.learning_rate > 0:
            problems.append(f"learning_rate: must be > 0, got {self.learning_rate}")
        if problems:
            raise SettingsError(problems)
