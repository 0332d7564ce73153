"""What the page of a contact shows, sorted out of `archive.viewing`. How it looks is `templates/interaction.html`."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from archive import viewing
from archive.domain.access import NEEDS_REFERENCE, PURPOSES, Permission, Purpose, PurposeKind
from archive.domain.interactions import DeriveState, Interaction
from archive.domain.links import Link, LinkStatus
from archive.domain.retention import Explanation
from archive.store import purposes
from archive.store.holds import Hold
from archive.viewing import View
from archive.web import chat_view, keys, kit
from archive.web.chat_view import Conversation
from archive.web.kit import N_

_ASKED = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A purpose that the role has: the key that picks it, whether it needs a reference, those named before."""

    kind: PurposeKind
    key: str
    needs_reference: bool
    known: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What is known of the recording: `lanes` are the roles by channel, `damage` a message id or None."""

    duration_s: float | None
    lanes: tuple[str, ...]
    codec: str | None
    sample_rate_hz: int | None
    state: DeriveState
    damage: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionPage:
    """One contact with everything around it that the actor may see; `asked` is what the reader was looking for."""

    asked: str
    contact: Interaction
    on_hold: bool
    sound: Sound | None
    chat: Conversation | None
    purpose: Purpose | None
    choices: tuple[Choice, ...]
    links: tuple[Link, ...]
    suggestions: tuple[Link, ...]
    former_links: tuple[Link, ...]
    holds: tuple[Hold, ...]
    former_holds: tuple[Hold, ...]
    legs: tuple[Interaction, ...]
    explanation: str


async def gather(request: web.Request, view: View) -> InteractionPage:
    """Sort what is known of a contact into what this actor's page shows."""
    actor = kit.actor(request)
    purpose = await _stated(request, view.interaction)
    held = view.holds if actor.may(Permission.HOLD_READ) else ()
    return InteractionPage(
        asked=request.query.get("q", "")[:_ASKED],
        contact=view.interaction,
        on_hold=view.on_hold,
        sound=_sound(view.interaction),
        chat=await chat_view.conversation(request, view.interaction, purpose),
        purpose=purpose,
        choices=await _choices(request, purpose) if actor.may(Permission.CONTENT_OPEN) else (),
        links=tuple(link for link in view.links if link.status is LinkStatus.LINKED),
        suggestions=tuple(link for link in view.links if link.status is LinkStatus.SUGGESTED),
        former_links=tuple(link for link in view.links if link.status in {LinkStatus.REFUSED, LinkStatus.UNDONE}),
        holds=tuple(hold for hold in held if hold.released_at is None),
        former_holds=tuple(hold for hold in held if hold.released_at is not None),
        legs=view.legs if len(view.legs) > 1 else (),
        explanation=_explained(request, view.explanation),
    )


async def _stated(request: web.Request, contact: Interaction) -> Purpose | None:
    session = request.get(keys.SESSION)
    if session is None:
        return None
    return await viewing.stated_purpose(kit.services(request), session.digest, contact.id)


async def _choices(request: web.Request, purpose: Purpose | None) -> tuple[Choice, ...]:
    role = kit.actor(request).role
    kinds = () if role is None else PURPOSES[role]
    # What was named before is only looked up while it can be asked for.
    known = {} if purpose is not None else await _known(request, [kind for kind in kinds if kind in NEEDS_REFERENCE])
    return tuple(
        Choice(kind=kind, key=str(place), needs_reference=kind in NEEDS_REFERENCE, known=known.get(kind, ()))
        for place, kind in enumerate(kinds, start=1)
    )


async def _known(request: web.Request, kinds: list[PurposeKind]) -> dict[PurposeKind, tuple[str, ...]]:
    session = request.get(keys.SESSION)
    if session is None:
        return {}
    async with kit.services(request).db.begin() as tx:
        return {kind: tuple(await purposes.references(tx, session.digest, kind)) for kind in kinds}


def _explained(request: web.Request, told: Explanation) -> str:
    """The sentence that says how long the contact is kept and why, in the reader's language."""
    keep = "" if told.keep is None else kit.say_period(request, told.keep)
    until = "" if told.until is None else kit.formats(request).day_text(told.until)
    return kit.say(request, told.why.value) % {"policy": told.policy, "keep": keep, "until": until}


def _sound(contact: Interaction) -> Sound | None:
    if contact.recording is None:
        return None
    media = contact.media or {}
    return Sound(
        duration_s=media.get("duration_s") or contact.facts.duration_s,
        lanes=_lanes(contact.facts.channel_roles, int(media.get("channels") or 0)),
        codec=media.get("codec"),
        sample_rate_hz=media.get("sample_rate_hz"),
        state=contact.derive_state,
        damage=_damage(contact.derive_state, media),
    )


def _lanes(roles: tuple[str, ...], channels: int) -> tuple[str, ...]:
    """Who is heard on each channel; two channels of which nothing was said are not guessed at."""
    if len(roles) == channels or (roles and not channels):
        return roles
    return tuple("mixed" if channels == 1 else "unknown" for _ in range(channels))


_DAMAGE = {
    "undecodable": N_("The recording could not be read. Its bytes are kept as they came."),
    "errors": N_("Part of the recording could not be read. Its bytes are kept as they came."),
    "gaps": N_("Sound is missing inside the recording. Its bytes are kept as they came."),
    "cut": N_("The recording ends before the end that its file tells. Its bytes are kept as they came."),
    "shorter-than-told": N_("The recording is shorter than its source said. Its bytes are kept as they came."),
}


def _damage(state: DeriveState, media: dict[str, Any]) -> str | None:
    """What is wrong with the recording, if anything: the first kind that was found says most."""
    kinds = [str(entry.get("kind")) for entry in media.get("damage") or ()]
    if not kinds and state is DeriveState.FAILED:
        kinds = ["undecodable"]
    return _DAMAGE.get(kinds[0], _DAMAGE["errors"]) if kinds else None
