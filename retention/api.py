"""The API of retention: policies, holds, disposals and certificates, as in section 2 of the contract.

Handlers parse, call and answer. What is done is `retention.rules`, `retention.holds` and `retention.disposal`.
"""

from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import BaseModel

from archive.domain.access import Action, Permission
from archive.errors import Conflict, NotFound
from archive.store import destruction
from archive.store import disposals as runs
from archive.store import holds as hold_store
from archive.web import kit
from archive.web.parsing import judge
from archive.web.routes import Route
from retention import disposal, holds, rules
from retention.answers import (
    BegunAnswer,
    DisposalAnswer,
    DisposalsAnswer,
    HoldAnswer,
    HoldsAnswer,
    OneHoldAnswer,
    PoliciesAnswer,
    PolicyAnswer,
    PreviewAnswer,
    PublicKeyAnswer,
    disposal_document,
    hold_document,
    policy_document,
    preview_document,
)
from retention.bodies import (
    HoldBody,
    HoldsQuery,
    NameOf,
    NoBody,
    PageQuery,
    PolicyBody,
    PreviewBody,
    ReleaseBody,
)
from retention.certificate import Certificate

Body = TypeVar("Body", bound=BaseModel)


async def _optional_body(request: web.Request, model: type[Body]) -> Body:
    """A body that may be left out altogether."""
    return await kit.body(request, model) if await request.read() else judge(model, {})


# ------------------------------------------------------------------------ policies


async def get_policies(request: web.Request) -> web.StreamResponse:
    """Every policy that concerns the actor."""
    found = await rules.policies(kit.services(request), kit.actor(request))
    return kit.json_answer({"items": [policy_document(policy) for policy in found], "next": None})


async def put_policy(request: web.Request) -> web.StreamResponse:
    """Write a policy; dates of contacts follow as a job."""
    name = judge(NameOf, {"name": request.match_info["name"]}).name
    body = await kit.body(request, PolicyBody)
    actor, now = kit.actor(request), datetime.now(UTC)
    policy, is_new = await rules.put_policy(kit.services(request), actor, body.rule(name), now)
    return kit.json_answer(policy_document(policy), status=201 if is_new else 200)


# --------------------------------------------------------------------------- holds


async def post_hold(request: web.Request) -> web.StreamResponse:
    """Place a hold; when the answer comes, nothing can destroy its contacts."""
    body = await kit.body(request, HoldBody)
    services, actor, now = kit.services(request), kit.actor(request), datetime.now(UTC)
    if body.ids is not None:
        hold = await holds.place(services, actor, reason=body.reason, ids=body.ids, now=now)
    else:
        assert body.search is not None
        filters = body.search.filters(ZoneInfo(services.settings.timezone))
        hold = await holds.place_by_search(services, actor, reason=body.reason, filters=filters, now=now)
    return kit.json_answer(hold_document(hold), status=201)


async def get_holds(request: web.Request) -> web.StreamResponse:
    """A page of holds."""
    asked = kit.query(request, HoldsQuery)
    async with kit.services(request).db.read() as tx:
        found = await hold_store.page(
            tx,
            kit.actor(request).companies,
            active=asked.active,
            interaction_id=asked.interaction,
            before=kit.read_place(asked.cursor),
            limit=asked.limit + 1,
        )
    shown = found[: asked.limit]
    following = kit.write_place(shown[-1].placed_at, shown[-1].id) if len(found) > asked.limit else None
    return kit.json_answer({"items": [hold_document(hold) for hold in shown], "next": following})


async def get_hold(request: web.Request) -> web.StreamResponse:
    """One hold and a page of its contacts."""
    asked = kit.query(request, PageQuery)
    place = kit.read_place(asked.cursor)
    hold, ids, last = await holds.contacts(
        kit.services(request),
        kit.actor(request),
        kit.path_id(request),
        after=None if place is None else place[1],
        limit=asked.limit,
    )
    following = None if last is None else kit.write_place(hold.placed_at, last)
    return kit.json_answer({**hold_document(hold), "ids": ids, "next": following})


async def release_hold(request: web.Request) -> web.StreamResponse:
    """End a hold, with a reason."""
    body = await kit.body(request, ReleaseBody)
    services, actor, now = kit.services(request), kit.actor(request), datetime.now(UTC)
    hold = await holds.release(services, actor, kit.path_id(request), reason=body.reason, now=now)
    return kit.json_answer(hold_document(hold))


# ----------------------------------------------------------------------- disposals


async def post_preview(request: web.Request) -> web.StreamResponse:
    """Say what a disposal would do; only the trail is written."""
    body = await _optional_body(request, PreviewBody)
    actor, now = kit.actor(request), datetime.now(UTC)
    seen = await disposal.preview(
        kit.services(request),
        actor,
        as_of=body.as_of or now,
        now=now,
        companies=actor.companies,
        after=kit.read_place(body.cursor),
        limit=body.limit,
    )
    following = None if seen.more_after is None else kit.write_place(*seen.more_after)
    return kit.json_answer(preview_document(seen, following))


async def post_disposal(request: web.Request) -> web.StreamResponse:
    """Queue the destruction of what is due now."""
    await _optional_body(request, NoBody)
    actor = kit.actor(request)
    begun = await disposal.start(kit.services(request), actor, datetime.now(UTC), companies=actor.companies)
    return kit.json_answer({"id": begun.id}, status=202, headers={"Location": f"/api/v1/disposals/{begun.id}"})


async def get_disposals(request: web.Request) -> web.StreamResponse:
    """A page of disposals."""
    asked = kit.query(request, PageQuery)
    async with kit.services(request).db.read() as tx:
        companies, before = kit.actor(request).companies, kit.read_place(asked.cursor)
        found = await runs.page(tx, companies, before=before, limit=asked.limit + 1)
    shown = found[: asked.limit]
    following = kit.write_place(shown[-1].started_at, shown[-1].id) if len(found) > asked.limit else None
    return kit.json_answer({"items": [disposal_document(run, run.counts) for run in shown], "next": following})


async def get_disposal(request: web.Request) -> web.StreamResponse:
    """One disposal, counted as far as it has come."""
    disposal_id = kit.path_id(request)
    async with kit.services(request).db.read() as tx:
        found = await runs.get(tx, kit.actor(request).companies, disposal_id)
        if found is None:
            raise NotFound
        counts = found.counts if found.status == "done" else await destruction.count_items(tx, disposal_id)
    return kit.json_answer(disposal_document(found, counts))


async def get_certificate(request: web.Request) -> web.StreamResponse:
    """The signed certificate of a disposal that is done."""
    services, actor, disposal_id = kit.services(request), kit.actor(request), kit.path_id(request)
    async with services.db.begin() as tx:
        found = await runs.get(tx, actor.companies, disposal_id)
        if found is None:
            raise NotFound
        document = await runs.certificate(tx, actor.companies, disposal_id)
        if document is None:
            raise Conflict("the disposal is not done; its certificate comes with its end")
        detail = {"disposal": str(disposal_id)}
        await services.record(
            tx, actor, Action.CERTIFICATE_SEEN, now=datetime.now(UTC), companies=found.companies, detail=detail
        )
    saved_as = f'attachment; filename="tallenne-disposal-{disposal_id}.json"'
    return kit.json_answer(document, headers={"Content-Disposition": saved_as, "Cache-Control": "private, no-store"})


async def get_public_key(request: web.Request) -> web.StreamResponse:
    """The key with which anyone can check a certificate."""
    raw = kit.services(request).keyring.public_key
    pem = Ed25519PublicKey.from_public_bytes(raw).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return kit.json_answer({"algorithm": "Ed25519", "public_key": raw.hex(), "pem": pem.decode()})


_UNKNOWN = (404, "There is none of that id for your companies.")

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/api/v1/policies",
        handler=get_policies,
        permission=Permission.POLICY_READ,
        summary="How long contacts are kept",
        answer=PoliciesAnswer,
    ),
    Route(
        method="PUT",
        path="/api/v1/policies/{name}",
        handler=put_policy,
        permission=Permission.POLICY_WRITE,
        summary="Write a policy",
        body=PolicyBody,
        answer=PolicyAnswer,
        answers=((201, "A new policy."), (409, "It ties with another policy, or its name is taken.")),
    ),
    Route(
        method="POST",
        path="/api/v1/holds",
        handler=post_hold,
        permission=Permission.HOLD_WRITE,
        summary="Hold contacts, by ids or by a search",
        body=HoldBody,
        answer=HoldAnswer,
        status=201,
        answers=((404, "A contact is not known."), (410, "A contact is destroyed or being destroyed.")),
    ),
    Route(
        method="GET",
        path="/api/v1/holds",
        handler=get_holds,
        permission=Permission.HOLD_READ,
        summary="Holds, newest first",
        query=HoldsQuery,
        answer=HoldsAnswer,
    ),
    Route(
        method="GET",
        path="/api/v1/holds/{id}",
        handler=get_hold,
        permission=Permission.HOLD_READ,
        summary="One hold and its contacts, in order of id",
        query=PageQuery,
        answer=OneHoldAnswer,
        answers=(_UNKNOWN,),
    ),
    Route(
        method="POST",
        path="/api/v1/holds/{id}/release",
        handler=release_hold,
        permission=Permission.HOLD_WRITE,
        summary="End a hold, with a reason",
        body=ReleaseBody,
        answer=HoldAnswer,
        answers=(_UNKNOWN, (409, "It was released before.")),
    ),
    Route(
        method="POST",
        path="/api/v1/disposals/preview",
        handler=post_preview,
        permission=Permission.DISPOSAL_READ,
        summary="What a disposal would destroy, with its reasons; nothing changes",
        body=PreviewBody,
        answer=PreviewAnswer,
    ),
    Route(
        method="POST",
        path="/api/v1/disposals",
        handler=post_disposal,
        permission=Permission.DISPOSAL_RUN,
        summary="Destroy what is due now",
        body=NoBody,
        answer=BegunAnswer,
        status=202,
    ),
    Route(
        method="GET",
        path="/api/v1/disposals",
        handler=get_disposals,
        permission=Permission.DISPOSAL_READ,
        summary="Disposals, newest first",
        query=PageQuery,
        answer=DisposalsAnswer,
    ),
    Route(
        method="GET",
        path="/api/v1/disposals/public-key",
        handler=get_public_key,
        permission=None,
        summary="The public key that certificates are checked with",
        answer=PublicKeyAnswer,
    ),
    Route(
        method="GET",
        path="/api/v1/disposals/{id}",
        handler=get_disposal,
        permission=Permission.DISPOSAL_READ,
        summary="One disposal, as far as it has come",
        answer=DisposalAnswer,
        answers=(_UNKNOWN,),
    ),
    Route(
        method="GET",
        path="/api/v1/disposals/{id}/certificate",
        handler=get_certificate,
        permission=Permission.DISPOSAL_READ,
        summary="The signed certificate of a disposal",
        answer=Certificate,
        answers=(_UNKNOWN, (409, "The disposal is not done yet.")),
    ),
)
