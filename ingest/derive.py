"""Job `derive`: what a recording is, read from its bytes once: length, channels, codec, waveform, silence, damage.

Idempotent and restartable: the waveform replaces an earlier one, the facts are written last, and a contact that has
been destroyed meanwhile is left alone. A recording that cannot be decoded stays kept and findable; it is marked, and
its job goes to the dead letters at once, because the same bytes would fail the same way. How it is decoded is
`ingest.decoding`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from archive import custody, derivatives
from archive.custody import Services
from archive.domain.interactions import DeriveState, Interaction, Part, PartKind
from archive.domain.retention import choose, retain_until
from archive.domain.transcripts import TextState
from archive.objects.age_header import Identity
from archive.store import interactions, jobs, policies
from ingest import transcription
from ingest.content import DERIVE
from ingest.decoding import Decoded, Decoders, Limits, Reason, UndecodableError
from ingest.media import MediaType
from ingest.transcription import Contact

PEAKS_MEDIA_TYPE: Final = "application/json"
RELOCK: Final = "retention.relock"
"""The job that lengthens object locks to the dates of the rows; it takes `ids`."""

_CUT_SLACK_S: Final = 0.5
_TOLD_SLACK_S: Final = 3.0
_SLACK: Final = 0.02


async def derive(
    services: Services, decoders: Decoders, payload: Mapping[str, str], now: datetime | None = None
) -> None:
    """Decode the recording `part` of the contact `interaction`.

    Raises:
        StoreUnavailable, Damaged: its bytes cannot be had.
        DecoderLostError: somebody ended the decoders.

    """
    moment = now or datetime.now(UTC)
    interaction_id, part_id = UUID(payload["interaction"]), UUID(payload["part"])
    async with services.db.begin() as tx:
        kept = await interactions.get(tx, interaction_id, None)
        if kept is None or kept.recording is None or kept.recording.id != part_id:
            return
        identity = await custody.identity_of(services, tx, interaction_id)
    part = kept.recording
    try:
        decoded = await _decode(services, decoders, identity, part)
    except UndecodableError as error:
        await _give_up(services, kept, payload, reason=error.reason, now=moment)
        return
    added = await derivatives.add(
        services,
        interaction_id=interaction_id,
        received_at=kept.received_at,
        kind=PartKind.PEAKS,
        media_type=PEAKS_MEDIA_TYPE,
        data=waveform(decoded),
        now=moment,
    )
    if added is not None:
        await _write(services, kept, facts(part.media_type, decoded, kept.facts.duration_s), moment)


def facts(media_type: str, decoded: Decoded, told_s: float | None) -> dict[str, Any]:
    """What is kept in the database of a decoded recording; `told_s` is the length that the metadata gave.

    `damage` is empty for a whole recording; else each entry has a `kind`: `errors` (could not be decoded), `gaps`
    (sound is missing), `cut` (shorter than the file itself says), `shorter-than-told` (than the metadata says).
    """
    return {
        "media_type": media_type,
        "codec": decoded.codec,
        "sample_rate_hz": decoded.sample_rate_hz,
        "channels": decoded.channels,
        "duration_s": round(decoded.duration_s, 3),
        "silence_s": round(sum(end - start for start, end in decoded.silence), 2),
        "damage": _damage(decoded, told_s),
    }


def waveform(decoded: Decoded) -> bytes:
    """The part `peaks`, as JSON.

    `peaks[channel][bucket]` is 0 to 127, a bucket lasts `bucket_s`; `silence` and `channel_silence[channel]` are pairs
    of seconds.
    """
    return orjson.dumps(
        {
            "version": 1,
            "duration_s": round(decoded.duration_s, 3),
            "bucket_s": decoded.bucket_s,
            "peaks": decoded.peaks,
            "silence": decoded.silence,
            "channel_silence": decoded.channel_silence,
        }
    )


def _damage(decoded: Decoded, told_s: float | None) -> list[dict[str, Any]]:
    damage: list[dict[str, Any]] = []
    if decoded.errors:
        first_last = {"first_s": decoded.first_error_s, "last_s": decoded.last_error_s}
        damage.append({"kind": "errors", "count": decoded.errors, **first_last})
    if decoded.gaps:
        damage.append({"kind": "gaps", "count": decoded.gaps, "missing_s": round(decoded.gap_s, 2)})
    for kind, length_s, slack_s in (
        ("cut", decoded.claimed_s, _CUT_SLACK_S),
        ("shorter-than-told", told_s, _TOLD_SLACK_S),
    ):
        if length_s is not None and length_s - decoded.duration_s > max(slack_s, _SLACK * length_s):
            damage.append({"kind": kind, "wanted_s": round(length_s, 2)})
    return damage


async def _decode(services: Services, decoders: Decoders, identity: Identity, part: Part) -> Decoded:
    async def read(start: int, stop: int) -> bytes:
        return b"".join([piece async for piece in custody.open_range(services, identity, part, start, stop)])

    settings = services.settings
    return await decoders.decode(
        read,
        size_bytes=part.size_bytes,
        media_type=MediaType(part.media_type),
        limits=Limits(memory_mb=settings.derive_memory_mb, timeout_s=settings.derive_timeout_s),
    )


async def _give_up(
    services: Services, kept: Interaction, payload: Mapping[str, str], *, reason: Reason, now: datetime
) -> None:
    """Mark the contact and bury the job, once: a job that runs again after it was buried finds the mark."""
    assert kept.recording is not None
    media_type = kept.recording.media_type
    media = {"media_type": media_type, "damage": [{"kind": "undecodable", "reason": reason.name.lower()}]}
    async with services.db.begin() as tx:
        await interactions.lock(tx, kept.id)
        found = await interactions.get(tx, kept.id, None)
        if found is None or found.derive_state is DeriveState.FAILED:
            return
        await interactions.set_derived(tx, kept.id, DeriveState.FAILED, media)
        await interactions.set_text(tx, kept.id, TextState.FAILED, reason=transcription.UNDECODABLE)
        await jobs.bury(tx, DERIVE, payload, company=kept.facts.company, reason=reason.value, attempts=1, now=now)


async def _write(services: Services, kept: Interaction, media: dict[str, Any], now: datetime) -> None:
    async with services.db.begin() as tx:
        await interactions.lock(tx, kept.id)
        found = await interactions.get(tx, kept.id, None)
        if found is None:
            return
        await interactions.set_derived(tx, kept.id, DeriveState.DONE, media)
        if found.derive_state is not DeriveState.DONE:  # else its words are on their way already
            await transcription.plan(tx, services.settings, Contact.of(kept), now)
        if kept.facts.duration_s is None:
            await _measure_end(tx, kept, media["duration_s"], ZoneInfo(services.settings.timezone))


async def _measure_end(tx: AsyncConnection, kept: Interaction, duration_s: float, zone: tzinfo) -> None:
    """Where the door gave no length, the contact ends when its recording does, and its date follows."""
    facts_ = kept.facts
    ended_at = facts_.started_at + timedelta(seconds=duration_s)
    await policies.share_rules(tx)
    rules = await policies.rules(tx)
    rule = choose(rules, company=facts_.company, channel=facts_.channel, category=facts_.category)
    until = retain_until(rule, ended_at, zone)
    await interactions.set_end(tx, kept.id, duration_s=duration_s, ended_at=ended_at, retain_until=until)
    if until is not None and until != kept.retain_until:
        await jobs.enqueue(tx, RELOCK, {"ids": str(kept.id)})
