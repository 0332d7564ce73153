"""A running site for the browser: two companies, a user of each role, a customer, calls with their waveforms.

What is kept here goes in through the use cases; only the browser comes over HTTP.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
from aiohttp import web

from archive import accounts
from archive.app import create_app
from archive.custody import Services
from archive.domain.access import HOUSE, Role
from archive.domain.customers import CustomerRequest
from archive.domain.retention import Period, Rule
from archive.domain.transcripts import Doubt, Dropped, Transcript
from archive.store import customers, interactions
from ingest import derive
from ingest.decoding import Decoders
from retention import holds, rules
from search import indexing
from tests.audio import call
from tests.house import now
from tests.intaking import keep, make_company
from tests.saying import keep_transcript, segment, transcript

PASSWORD = "sininen hetki jarvella"
CALL_S = 24.0
# In the call of two hours each speaks so long before the other does.
TURN_S = 3.6
# A frame of silence: MPEG 2.5 layer III, 8 kHz, 8 kbit/s; two hours of it are 7 MB.
SILENT_72_MS = bytes.fromhex("ffe318c4c40000034800000000") + b"\x55" * 59
# The same of 500 Hz, of which a frame has 36 whole waves: frames stand beside one another without a click.
TONE_72_MS = bytes.fromhex("ffe318c40006c1b61c00b80f20ffffa9ffffc23fd28332ceffff57fffedffffa037fd1fe9ff6ff93").ljust(
    72, b"\0"
)
# When in the two hours something else is said, and a tone begins instead of silence, for so many frames.
LATE_S, LATE_FRAMES = 6840.0, 250
LATE = "kaapelinäyttö tilataan keskiviikoksi"
# What the call of `said_contact` is said to say: the words of a line take the same time each.
SAID = transcript(
    segment(0.5, 4.0, "agent", "Salpa Energia, Jari Salonen puhelimessa, hyvää päivää"),
    segment(4.5, 8.5, "customer", "Soitan sähkölaskusta, hinta on noussut", unsure=["noussut"]),
    segment(8.0, 8.6, "agent", "niin"),
    segment(9.0, 13.0, "agent", "Hinta pysyy samana toukokuuhun asti"),
    segment(15.0, 18.0, "customer", "Luvattiinko minulle hinta kirjallisesti", doubts=(Doubt.LOW_CONFIDENCE,)),
    segment(19.0, 22.0, "agent", "Hinnasta lähtee vahvistus sähköpostilla"),
    segment(22.0, 23.5, "customer", "se on sähkö las kuni oli"),
    dropped=(Dropped(start_s=13.2, end_s=14.8, speaker="agent", doubt=Doubt.LOOP),),
)


def two_hours() -> Transcript:
    """2,000 segments of nine words, each with its number; at LATE_S something else."""
    words = "niin se sopimus jatkuu ja hinta pysyy samana"
    turns = ((place * TURN_S, ("agent", "customer")[place % 2]) for place in range(2000))
    said = ((at, speaker, LATE if at == LATE_S else f"{words} {at / TURN_S:.0f}") for at, speaker in turns)
    return transcript(*(segment(at, at + 3.4, speaker, text) for at, speaker, text in said))


def two_hours_of_sound() -> bytes:
    """An MP3, silent but for a tone at LATE_S."""
    before = round(LATE_S / 0.072)
    return SILENT_72_MS * before + TONE_72_MS * LATE_FRAMES + SILENT_72_MS * (100_000 - before - LATE_FRAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where the site is, and what is in it."""

    url: str
    company: str
    other_company: str
    customer: str
    contact: UUID
    held_contact: UUID
    unsure_contact: UUID
    damaged_contact: UUID
    said_contact: UUID
    long_contact: UUID
    hold: UUID
    users: dict[Role, str]


async def serve(services: Services) -> tuple[web.AppRunner, str]:
    """Start the application on a port of its own."""
    runner = web.AppRunner(create_app(services.settings, services))
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}"


async def fill(services: Services, url: str) -> Site:
    """Put everything in."""
    company, other = await make_company(services), await make_company(services)
    await _policy(services, company)
    number = f"4{uuid4().int % 10**6:06}"
    await _customer(services, company, number, "+358401234567", "Aino Esimerkki")
    await _customer(services, company, f"5{number}", "+358407654321", "Eero Esimerkki")
    await _customer(services, company, f"6{number}", "+358407654321", "Eeva Esimerkki")
    parties = [{"role": "customer", "phone": "040 123 4567"}, {"role": "agent", "name": "Jari Salonen"}]
    facts: dict[str, Any] = {
        "parties": parties,
        "channels": ["agent", "customer"],
        "queue": "laskutus",
        "category": "lasku",
        "agent": {"id": "a103", "name": "Jari Salonen"},
        "call_id": f"c{number}",
    }
    started = now() - timedelta(days=3)
    contact = await _call(services, company, 1, started_at=started.isoformat(), **facts)
    later = (started + timedelta(minutes=2)).isoformat()
    held = await _call(services, company, 2, started_at=later, **facts)
    unsure = await _call(services, company, 3, parties=[{"role": "customer", "phone": "+358407654321"}])
    damaged = await _call(services, company, 4, cut=True, parties=parties)
    said = await _call(services, company, 5, parties=parties, channels=["agent", "customer"])
    await keep_transcript(services, said, SAID)
    await indexing.index(services, {"interaction": str(said), "company": company})
    long = UUID((await keep(services, company, two_hours_of_sound(), duration_s=7200.0))["id"])
    await keep_transcript(services, long, two_hours())
    users = await _users(services, [company, other])
    placed = await holds.place(services, HOUSE, reason="Reklamaatio R-2026-17", ids=[held], now=now())
    return Site(
        url=url,
        company=company,
        other_company=other,
        customer=number,
        contact=contact,
        held_contact=held,
        unsure_contact=unsure,
        damaged_contact=damaged,
        said_contact=said,
        long_contact=long,
        hold=placed.id,
        users=users,
    )


async def _policy(services: Services, company: str) -> None:
    rule = Rule(name=f"puhelut-{company}", company=company, channel="call", category=None, keep=Period(months=24))
    await rules.put_policy(services, HOUSE, rule, now())


async def _customer(services: Services, company: str, number: str, phone: str, name: str) -> None:
    document = {
        "company": company,
        "name": name,
        "kind": "natural",
        "hetu": "010594Y9032",
        "phones": [phone],
        "emails": [f"{name.partition(' ')[0].lower()}@posti.example"],
        "sites": [{"metering_point": "643099900000000006", "address": "Koulutie 15", "postal_code": "15560",
                   "city": "Nastola", "main_fuse_a": 25, "energy": "electricity", "annual_use_kwh": 10400}],
        "billing": {"address": "Koulutie 15", "rhythm": "kuukausittain", "method": "verkkolasku"},
        "marketing": {"permissions": ["sähköposti"], "prohibitions": ["puhelin"]},
        "feedback": [{"at": "2026-10-01T10:00:00+03:00", "text": "Nopea palvelu", "satisfaction": 5}],
    }  # fmt: skip
    request = CustomerRequest.model_validate_json(orjson.dumps(document))
    async with services.db.begin() as tx:
        await customers.put(tx, services.keyring, request.customer(number), now())


async def _call(services: Services, company: str, seed: int, *, cut: bool = False, **said: Any) -> UUID:
    """Keep a call and read from it what the job would."""
    audio = call(CALL_S, seed=seed)
    receipt = await keep(services, company, audio[: len(audio) // 2] if cut else audio, **said)
    contact = UUID(receipt["id"])
    async with services.db.begin() as tx:
        kept = await interactions.get(tx, contact, None)
    assert kept is not None
    assert kept.recording is not None
    async with Decoders() as decoders:
        await derive.derive(services, decoders, {"interaction": str(contact), "part": str(kept.recording.id)})
    return contact


async def _users(services: Services, codes: list[str]) -> dict[Role, str]:
    made = {}
    for role in (Role.HANDLER, Role.REVIEWER, Role.DPO, Role.ADMIN):
        email = f"{role.value}-{uuid4().hex[:8]}@salpa.example"
        secret = await accounts.create_user(services, HOUSE, email=email, role=role, codes=codes, now=now())
        await accounts.open_link(services, secret, PASSWORD, now())
        made[role] = email
    return made
