"""streamer responsiveness: from a city's events by export and training to a table, a page, and the list itself."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path

import pytest
from typer.testing import CliRunner, Result

from streamer.city import city
from streamer.cli.app import app
from streamer.learning.responsiveness.actions import after
from streamer.learning.responsiveness.avoiding import AvoidListed
from streamer.learning.responsiveness.reading import read
from streamer.learning.retriever import checkpoint
from streamer.learning.retriever.checkpoint import Trained, load
from streamer.learning.retriever.histories import read as histories_of_folder
from streamer.learning.retriever.model import Retriever
from streamer.learning.retriever.options import Options
from streamer.learning.retriever.proposing import RetrieverRecommender
from streamer.learning.retriever.training import train
from streamer.profile import Profile, Rules
from streamer.scoring.document import Document
from streamer.serving import Candidate
from streamer.settings import Settings
from streamer.testing import StreamerJob
from tests.unit.learning.examples import DAY_0, Told, example, label
from tests.unit.learning.histories import told as histories_told

pytestmark = [pytest.mark.training, pytest.mark.timeout(900)]
SETTINGS = Settings(labels=True)
TINY = Options(width=8, blocks=1, heads=1, length=16, steps=2, batch=2, targets=16)


def tiny() -> Trained:
    """A model that was not trained, of four items."""
    items = histories_told({"u": "+c0 +c1 +c2 -c3"}).items
    return Trained(Retriever(items, TINY), TINY, items, 1)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["responsiveness", *arguments], env={"COLUMNS": "140"})


def hard(document: Document | None) -> set[tuple[str, object]]:
    return {(each.kind, each.value) for each in document.entries if each.tier == "hard"} if document else set()


def test_from_the_demos_stream_by_export_and_training_to_recommendations_and_the_list(tmp_path: Path) -> None:
    job = StreamerJob(SETTINGS)
    job.send(*(event for _, event in city.generate(users=15, days=3, seed=5, end_ms=DAY_0)))
    job.advance(3 * 3600)
    told = Told(tmp_path / "labels")
    told.tell(*job.labels)
    told.export(10_000)
    model, page = tmp_path / "retriever.npz", tmp_path / "out.html"
    train(histories_of_folder(told.out), TINY, model)

    shown = run(str(told.out), "--checkpoint", str(model), "--users", "2", "--lists", "1", "--report", str(page))
    assert shown.exit_code == 0, shown.output
    for words in (
        "2 of ",
        "popularity + avoid list",
        "retriever (both) + avoid list",
        "creator disliked",
        "beyond engaged",
    ):
        assert words in shown.output
    assert "seed 0, 95 % intervals by user" in shown.output
    assert f"--checkpoint {model} --users 2 --lists 1 --k 10 --seed 0" in page.read_text()

    people = read(told.out, SETTINGS, 15, 0)
    both = AvoidListed(RetrieverRecommender(load(model)), people.items, Rules(SETTINGS))
    state = people.states[0].at(job.now_ms)
    proposed = both.recommend(state, 200)
    item = next(people.items[each] for each in proposed if each in people.items)
    refused = after(state, item, "creator disliked", Rules(SETTINGS))
    assert refused is not None
    job.send(*refused.events[len(state.events) :])
    assert ("creator", item.creator_id) in hard(job.document(state.user_id))
    served = job.reader(explore=0).get(state.user_id)
    assert served.penalties([people.items[each].candidate for each in proposed if each in people.items])[0] == 0
    assert not any(
        people.items[each].creator_id == item.creator_id
        for each in both.recommend(refused.at(job.now_ms + 60_000), 200)
        if each in people.items
    )


def test_retold_events_make_what_the_stream_counted_of_each_item(tmp_path: Path) -> None:
    """What was seen, begun and left, and disliked: the document is the same but for what labels do not tell."""
    events = [event for _, event in city.generate(users=6, days=20, seed=5, end_ms=DAY_0)]
    told, real = Told(tmp_path), {}
    for user_id in {event.user_id for event in events}:
        profile = Profile(user_id, Rules(SETTINGS))
        for event in events:
            if event.user_id == user_id:
                profile.advance(event.ts)
                profile.apply(event, event.ts)
        profile.advance(DAY_0 + 86_400_000)
        told.tell(*profile.take_labels())
        real[user_id] = profile.document()
    told.export(10_000)
    people = read(told.out, SETTINGS, 6, 0)
    lists = AvoidListed(RetrieverLess(), people.items, Rules(SETTINGS))
    assert len(people.states) == 6
    for state in people.states:
        again = lists.document(state.at(DAY_0 + 86_400_000))
        contents = {each for each in hard(real[state.user_id]) if each[0] == "content"}
        assert {each for each in hard(again) if each[0] == "content"} >= contents
        assert (again is None) == (real[state.user_id] is None)


class RetrieverLess:
    """Proposes nothing."""

    def recommend(self, state: object, k: int) -> list[str]:
        return []


# --- bad input -------------------------------------------------------------------------------------------------------


def exported(tmp_path: Path, *labels: object) -> str:
    told = Told(tmp_path / "labels")
    told.tell(*labels)  # type: ignore[arg-type]
    told.export()
    return str(told.out)


def test_an_empty_folder_and_one_that_is_none_say_what_to_do(tmp_path: Path) -> None:
    result = run(exported(tmp_path))
    assert (result.exit_code, "nobody in" in result.stderr, "streamer labels stats" in result.stderr) == (1, True, True)
    result = run(str(tmp_path / "nowhere"))
    assert (result.exit_code, "streamer labels export FOLDER" in result.stderr) == (1, True)


def test_users_who_only_ignored_are_nobody_to_begin_from(tmp_path: Path) -> None:
    ignored = example("c", started=False, completion=None, outcome="ignored", signals={"ignored": -0.02}, weight=-0.02)
    result = run(exported(tmp_path, label("u", DAY_0, ignored)))
    assert (result.exit_code, "acted on anything" in result.stderr) == (1, True)


def test_users_with_one_event_and_none_who_refused_anything_are_told(tmp_path: Path) -> None:
    of_two = [label(f"u{n}", DAY_0 + n, example(f"c{n}", first=DAY_0 + n)) for n in range(2)]
    result = run(exported(tmp_path, *of_two), "--lists", "1")
    assert result.exit_code == 0, result.output
    assert "nobody refused anything in these examples" in result.output
    assert "2 of these users have one interaction only" in result.output
    assert "2 of 2 users, 2 items" in result.output


def test_items_that_the_model_never_saw_are_passed_over_and_all_of_them_are_an_error(tmp_path: Path) -> None:
    model = tmp_path / "retriever.npz"
    checkpoint.save(model, tiny())
    known = label("u0", DAY_0, example("c0", first=DAY_0), example("new", first=DAY_0 + 1))
    result = run(exported(tmp_path, known), "--checkpoint", str(model), "--lists", "1")
    assert result.exit_code == 0, result.output
    result = run(
        exported(tmp_path / "other", label("u0", DAY_0, example("x", first=DAY_0))), "--checkpoint", str(model)
    )
    assert (result.exit_code, "knows none of the 1 items" in result.stderr) == (1, True)


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "retriever.npz"
    monkeypatch.setattr(checkpoint, "VERSION", 2)
    checkpoint.save(model, tiny())
    monkeypatch.undo()
    result = run(exported(tmp_path, label("u0", DAY_0, example("c0"))), "--checkpoint", str(model))
    assert (result.exit_code, "of version 2, this Streamer's is 1: train anew" in result.stderr) == (1, True)
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("option", [("--users", "0"), ("--lists", "0"), ("--k", "0")])
def test_numbers_that_cannot_be_are_refused(tmp_path: Path, option: tuple[str, str]) -> None:
    assert run(str(tmp_path), *option).exit_code == 2


def test_a_candidate_is_what_serving_asks_about(tmp_path: Path) -> None:
    people = read(Path(exported(tmp_path, label("u0", DAY_0, example("c0")))), SETTINGS, 1, 0)
    assert people.items["c0"].candidate == Candidate("c0", "a", ("x",), 60.0)


def test_the_example_citys_folder_is_one_that_the_commands_read(tmp_path: Path) -> None:
    script = Path(__file__).parents[3] / "examples/city.py"
    made = run_path(str(script))["write"](tmp_path / "labels", 3, 3, 0)
    people = read(tmp_path / "labels", SETTINGS, 3, 0)
    assert made > len(people.items) > 10
    assert len(people.states) == people.users == 3
