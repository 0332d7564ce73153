"""The kinds of content that are let in: how their bytes are judged, what they become, and what is to be done with them.

One value a kind, so that the one use case (`ingest.intake`) serves them all. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from archive.domain.access import Action
from archive.domain.chats import CHAT_MEDIA_TYPE
from archive.domain.interactions import DeriveState, Interaction, PartKind
from archive.errors import Invalid, UnsupportedMedia
from ingest.media import sniff

DERIVE: Final = "derive"
INDEX: Final = "search.index"  # the walls meet through jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One kind of content.

    `judge` is given the first bytes and returns their media type; `field` is what a complaint about them names.
    `job` is queued with what `payload` makes of the kept contact.
    """

    kind: PartKind
    field: str
    judge: Callable[[bytes], str]
    action: Action
    derive_state: DeriveState
    job: str
    payload: Callable[[Interaction], dict[str, str]]


def _judge_audio(head: bytes) -> str:
    if not head:
        raise Invalid.of("audio", "the recording is empty")
    media_type = sniff(head)
    if media_type is None:
        raise UnsupportedMedia("these bytes are no audio that is kept: WAV, MP3, Ogg, FLAC, MP4, AMR or WebM")
    return media_type


def _to_derive(kept: Interaction) -> dict[str, str]:
    return {"company": kept.facts.company, "interaction": str(kept.id), "part": str(kept.parts[0].id)}


def _to_index(kept: Interaction) -> dict[str, str]:
    return {"company": kept.facts.company, "interaction": str(kept.id)}


RECORDING: Final = Content(
    kind=PartKind.RECORDING,
    field="audio",
    judge=_judge_audio,
    action=Action.RECORDING_KEPT,
    derive_state=DeriveState.WAITING,
    job=DERIVE,
    payload=_to_derive,
)

# A chat has been judged whole before it comes here, and nothing is to be derived from it: its words are all there is.
CHAT: Final = Content(
    kind=PartKind.MESSAGE,
    field="body",
    judge=lambda _: CHAT_MEDIA_TYPE,
    action=Action.CHAT_KEPT,
    derive_state=DeriveState.DONE,
    job=INDEX,
    payload=_to_index,
)
