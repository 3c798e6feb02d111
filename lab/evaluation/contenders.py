"""What is compared: rules, each under one deployment's settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from lab.evaluation.rules import RULES, Rule
from lab.evaluation.rules.ours import Ours
from streamer.errors import SettingsError
from streamer.profile import Rules
from streamer.scoring.priors import Priors
from streamer.settings import Settings, load


class Contender(Struct, frozen=True):
    """A rule under settings. ``label`` names it in tables."""

    label: str
    rule: type[Rule]
    rules: Rules

    def knowing(self, priors: Priors) -> Contender:
        """The same, by these rates."""
        return replace(self, rules=Rules(self.rules.settings, priors))

    def of(self, user_id: str) -> Rule:
        """The rule, knowing nothing yet of this user."""
        return self.rule(user_id, self.rules)


def contenders(
    names: Sequence[str], settings: Settings, changed: Mapping[str, object] | None = None
) -> list[Contender]:
    """The rules of these names; if settings are to be compared, ours once more under them.

    Args:
        names: of :data:`~lab.evaluation.rules.RULES`; empty: all.
        settings: of everything.
        changed: settings by name, in which a second version of ours differs.

    Raises:
        SettingsError: a name is unknown, or a changed setting cannot work.
    """
    unknown = [name for name in names if name not in RULES]
    if unknown:
        known = ", ".join(RULES)
        raise SettingsError([f"--rules {name}: there is no such rule, there are {known}" for name in unknown])
    rules = Rules(settings)
    chosen = [RULES[name] for name in RULES if not names or name in names]
    found = [Contender(rule.name, rule, rules) for rule in chosen]
    if changed:
        told = ", ".join(f"{name}={value}" for name, value in changed.items())
        differing = load(None, **{**settings.model_dump(), **changed})
        other = Contender(f"ours, {told}", Ours, Rules(differing))
        at = next((n + 1 for n, each in enumerate(found) if each.rule is Ours), 0)
        found.insert(at, other)
    return found
