"""What a door was told of a contact, in the archive's own values. Pure."""

from collections.abc import Callable, Mapping

from archive.domain.identifiers import read_email, read_metering_point, read_phone
from archive.domain.interactions import Channel, Direction, Facts, Party
from ingest.chat import Chat
from ingest.metadata import RecordingMetadata

METERING_POINT = "metering_point"


def of_recording(source: str, external_id: str, said: RecordingMetadata) -> Facts:
    """What the metadata of a recording says: phones in E.164 and e-mails in one spelling, if they can be read."""
    return Facts(
        company=said.company,
        channel=Channel.CALL,
        direction=Direction(said.direction),
        started_at=said.started_at,
        ended_at=said.ended_at,
        duration_s=said.duration_s,
        source=source,
        external_id=external_id,
        call_id=said.call_id,
        queue=said.queue,
        category=said.category,
        agent_id=said.agent.id if said.agent else None,
        agent_name=said.agent.name if said.agent else None,
        language=said.language,
        channel_roles=tuple(said.channels),
        given_customer_number=said.customer_number,
        given_metering_point=_metering_point(said.attributes),
        attributes=dict(said.attributes),
        parties=tuple(_party(p.role, p.name, p.phone, p.email) for p in said.parties),
    )


def of_chat(source: str, external_id: str, said: Chat) -> Facts:
    """What a chat says of itself."""
    agent = said.answered_by
    return Facts(
        company=said.company,
        channel=Channel.CHAT,
        direction=Direction(said.began),
        started_at=said.started_at,
        ended_at=said.over_at,
        source=source,
        external_id=external_id,
        queue=said.queue,
        category=said.category,
        agent_id=agent.id if agent else None,
        agent_name=agent.name if agent else None,
        language=said.language,
        given_customer_number=said.customer_number,
        given_metering_point=_metering_point(said.attributes),
        attributes=dict(said.attributes),
        parties=tuple(_party(p.role, p.name, p.phone, p.email) for p in said.participants),
    )


def _party(role: str, name: str | None, phone: str | None, email: str | None) -> Party:
    return Party(role=role, name=name, phone=_read(read_phone, phone), email=_read(read_email, email))


def _read(read: Callable[[str], str], text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return read(text)
    except ValueError:
        return text


def _metering_point(attributes: Mapping[str, str]) -> str | None:
    text = attributes.get(METERING_POINT)
    if text is None:
        return None
    try:
        return read_metering_point(text)
    except ValueError:
        return None
