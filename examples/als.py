"""A first model on exported labels: implicit-feedback ALS (Hu, Koren, Volinsky 2008), plain and with IPS.

    streamer labels export labels
    python examples/als.py labels

Trains on all days but the last, and tells how many of what each user then chose are among the ten items that it would
have shown (recall) and how far up (NDCG). Needs  pip install 'streamer[train]'.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from streamer.settings import Settings

K = 10
ALPHA = Settings().hkv_alpha

# %% Read. The folder is an ordinary Hive-partitioned data set; pandas, Polars, DuckDB and Spark read it, too.


def read(folder: Path) -> dict[str, np.ndarray]:
    """Columns of all examples: user, item (both as numbers), day, weight, ips."""
    table = ds.dataset(folder, format="parquet", partitioning="hive").to_table(
        columns=["user_id", "content_id", "day", "weight", "ips_weight"]
    )
    return {
        "user": np.unique(table["user_id"].to_numpy(), return_inverse=True)[1],
        "item": np.unique(table["content_id"].to_numpy(), return_inverse=True)[1],
        "day": table["day"].to_numpy().astype(str),
        "weight": table["weight"].to_numpy(),
        "ips": np.nan_to_num(table["ips_weight"].to_numpy(), nan=1.0),
    }


# %% The matrix. A user and an item may meet in several sessions: their weights r add up. The sign of r is the
# preference, 1 + alpha |r| how much to believe it; to `implicit` a negative number is "preference 0", believed so much.


def confidences(rows: dict[str, np.ndarray], shape: tuple[int, int], ips: bool) -> csr_matrix:
    """One cell for each user and item that met. With ``ips`` what few had a chance to see weighs more."""
    weight = rows["weight"] * rows["ips"] if ips else rows["weight"]
    r = csr_matrix((weight, (rows["user"], rows["item"])), shape=shape)
    r.sum_duplicates()
    r.data = np.sign(r.data) * (1 + ALPHA * np.abs(r.data))
    r.eliminate_zeros()
    return r


# %% Train, rank all items that were not met before, compare with what was chosen on the last day.


def measure(model: AlternatingLeastSquares, cells: csr_matrix, later: dict[int, set[int]]) -> tuple[float, float]:
    """Recall@10 and NDCG@10, the mean over users."""
    recalls, ndcgs = [], []
    for user, chosen in later.items():
        shown, _ = model.recommend(user, cells[user], N=K, filter_already_liked_items=True)
        hits = np.isin(shown, list(chosen))
        discounts = 1 / np.log2(np.arange(2, K + 2))
        best = min(K, len(chosen))
        recalls.append(hits.sum() / best)
        ndcgs.append(discounts[: len(hits)][hits].sum() / discounts[:best].sum())
    return float(np.mean(recalls)), float(np.mean(ndcgs))


def main(folder: Path) -> list[str]:
    """Trains both models; a line of figures for each."""
    if not any(folder.glob("day=*/*.parquet")):
        return [f"there are no examples in {folder}"]
    rows = read(folder)
    shape = (rows["user"].max(initial=-1) + 1, rows["item"].max(initial=-1) + 1)
    days = np.unique(rows["day"])
    if len(days) < 2:
        return ["examples of two days or more are needed, to train on all but the last"]
    is_last = rows["day"] == days[-1]
    before = {name: values[~is_last] for name, values in rows.items()}
    met = set(zip(before["user"].tolist(), before["item"].tolist(), strict=True))
    later: dict[int, set[int]] = {}
    for user, item, weight in zip(*(rows[name][is_last].tolist() for name in ("user", "item", "weight")), strict=True):
        if weight > 0 and (user, item) not in met:
            later.setdefault(user, set()).add(item)
    if not later:
        return [f"nobody chose anything new on {days[-1]}, so there is nothing to measure by"]
    lines = [f"{len(before['user'])} examples before {days[-1]}, {len(later)} users who chose something new on it"]
    for name, ips in (("Hu-Koren-Volinsky", False), ("with IPS", True)):
        cells = confidences(before, shape, ips)
        model = AlternatingLeastSquares(factors=32, iterations=15, random_state=0, num_threads=1)
        model.fit(cells, show_progress=False)
        recall, ndcg = measure(model, cells, later)
        lines.append(f"ALS, {name}: recall@{K} {recall:.3f}, NDCG@{K} {ndcg:.3f}")
    return lines


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/als.py FOLDER")
    print("\n".join(main(Path(sys.argv[1]))))
