"""What the index must list a contact under for it to be looked at as a near hit, as the text of a `tsquery`. Pure.

Any one run of sounds of a short word is enough. In a long one a run that is everywhere ("keskus" in
"lämmönjakokeskus") says little, and of what is left of a long word when it was misheard there is mostly more than one
run: so the common ones are asked for two at a time. SQL is `search.near`, the runs are of `search.sounds`.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from archive.domain.filters import Filters
from search.likeness import Sought
from search.sounds import MARK
from search.terms import Terms

LONG = 12
"""Of a key with so many sounds a common run alone is not enough: docs/decisions/071-misheard-words.md has figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word that is asked for: what makes a contact sure to have it, and what it may sound like (nothing if short)."""

    any_of: tuple[str, ...]
    sought: Sought

    @property
    def sure(self) -> str:
        """The `tsquery` of having it surely, `terms.BUCKET` in front of every lexeme."""
        return Terms(words=(self.any_of,)).ranking()

    @property
    def long_runs(self) -> tuple[tuple[str, ...], ...]:
        """The runs of each of its long keys that no short key has, in order."""
        short = {run for _, runs in self._runs(is_long=False) for run in runs}
        return tuple(tuple(run for run in runs if run not in short) for _, runs in self._runs(is_long=True))

    def heard(self, common: AbstractSet[str]) -> str | None:
        """The `tsquery` of sounding so, where these of its `long_runs` are common; None when nothing is left."""
        loose = [run for run in self.sought.shingles if run not in common]
        ways = [_any_of(loose)] if loose else []
        for runs in self.long_runs:
            often = [run for run in dict.fromkeys(runs) if run in common]
            ways += [f"({_any_of([run])} & {_any_of(often[at:])})" for at, run in enumerate(often[:-1], 1)]
        return f"({' | '.join(dict.fromkeys(ways))})" if ways else None

    def _runs(self, *, is_long: bool) -> Iterable[tuple[str, tuple[str, ...]]]:
        return ((key, runs) for key, runs in self.sought.runs if (len(key) >= LONG) == is_long)


def template(asked: Terms, filters: Filters, words: Sequence[Word], common: AbstractSet[str]) -> str | None:
    """What a row must have for its contact to be a near hit; None when none can be one.

    Of each word a term or how it sounds, not all of them surely; phrases, facts and what must not be there stay as they
    are for sure hits. `common` are the runs that say little by themselves.
    """
    heard = [word.heard(common) for word in words]
    if not any(heard):
        return None
    either = [word.sure if one is None else f"({word.sure} | {one})" for word, one in zip(words, heard, strict=True)]
    rest = replace(asked, words=()).template(filters)
    sure = " & ".join(word.sure for word in words)
    return " & ".join([*either, *filter(None, [rest]), f"!({sure})"])


def counted(run: str, filters: Filters) -> str:
    """What a row must have to be counted for how common a run is among what the filters let through."""
    return Terms(words=((MARK + run,),)).template(filters)


def _any_of(runs: Sequence[str]) -> str:
    return Terms(words=(tuple(MARK + run for run in runs),)).ranking()
