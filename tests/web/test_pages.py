"""The floor's own pages over HTTP: signing in, choosing, settings, one contact, one customer, the trail."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from archive import accounts
from archive.domain.access import HOUSE, Role
from archive.store import accounts as store
from archive.web.i18n import LANGUAGE_COOKIE
from ingest import derive
from ingest.decoding import Decoders
from tests.audio import call
from tests.house import House, now

PASSWORD = "keltainen talo maella"


EVERY: tuple[str, ...] = ("*",)


async def one_time_link(house: House, role: Role, codes: list[str] | tuple[str, ...] | None = None) -> tuple[str, str]:
    """A new user of this house's company, of others or of every one: the address and the path of the link."""
    granted = None if codes == EVERY else list(codes or [house.company])
    email = f"{role.value}-{uuid4().hex[:10]}@salpa.example"
    secret = await accounts.create_user(house.services, HOUSE, email=email, role=role, codes=granted, now=now())
    return email, f"/welcome/{secret}"


async def signed_in(house: House, role: Role, codes: list[str] | tuple[str, ...] | None = None) -> TestClient[Any, Any]:
    """The client, with the session cookie of a new user of the role."""
    _, link = await one_time_link(house, role, codes)
    answer = await house.client.post(link, data={"password": PASSWORD, "again": PASSWORD}, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    return house.client


async def secret_of(client: TestClient[Any, Any], path: str) -> str:
    """The CSRF value of a page's forms."""
    found = re.search(r'name="csrf" value="([^"]+)"', await (await client.get(path)).text())
    assert found is not None
    return found[1]


async def send(client: TestClient[Any, Any], path: str, page: str, **form: str) -> ClientResponse:
    """Send a form as the page would."""
    return await client.post(path, data={"csrf": await secret_of(client, page), **form}, allow_redirects=False)


# ----------------------------------------------------------------- signing in


async def test_a_one_time_link_sets_a_password_once(house: House) -> None:
    email, link = await one_time_link(house, Role.HANDLER)
    assert email in await (await house.client.get(link)).text()
    differ = await house.client.post(link, data={"password": PASSWORD, "again": "x"})
    assert differ.status == 422
    short = await house.client.post(link, data={"password": "lyhyt", "again": "lyhyt"})
    assert "vähintään 12" in await short.text()
    done = await house.client.post(link, data={"password": PASSWORD, "again": PASSWORD}, allow_redirects=False)
    assert (done.status, done.headers["Location"]) == (303, "/")
    cookie = done.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    house.client.session.cookie_jar.clear()
    assert (await house.client.get(link)).status == 404


async def test_a_password_signs_in_and_goes_where_one_was_going(house: House) -> None:
    email, link = await one_time_link(house, Role.HANDLER)
    await house.client.post(link, data={"password": PASSWORD, "again": PASSWORD}, allow_redirects=False)
    house.client.session.cookie_jar.clear()
    sent_away = await house.client.get("/intake", allow_redirects=False)
    assert sent_away.headers["Location"] == "/sign-in?next=/intake"
    form = {"email": email, "password": PASSWORD, "next": "/intake"}
    answer = await house.client.post("/sign-in", data=form, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/intake")


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(house: House) -> None:
    email, link = await one_time_link(house, Role.HANDLER)
    await house.client.post(link, data={"password": PASSWORD, "again": PASSWORD}, allow_redirects=False)
    house.client.session.cookie_jar.clear()
    texts = set()
    for address in (email, "nobody@salpa.example"):
        answer = await house.client.post("/sign-in", data={"email": address, "password": "vaara salasana"})
        assert answer.status == 401
        texts.add((await answer.text()).replace(address, ""))
    assert len(texts) == 1


async def test_too_many_attempts_are_told_so(house: House) -> None:
    form = {"email": f"{uuid4().hex}@salpa.example", "password": "vaara salasana"}
    answers = [await house.client.post("/sign-in", data=form) for _ in range(accounts.ATTEMPTS_PER_ACCOUNT + 1)]
    assert answers[-1].status == 429
    assert "Retry-After" in answers[-1].headers


async def test_a_form_of_another_site_signs_nobody_in(house: House) -> None:
    form = {"email": "a@salpa.example", "password": PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await house.client.post("/sign-in", data=form, headers=headers)).status == 403


async def test_an_address_that_none_can_have_signs_nobody_in(house: House) -> None:
    answer = await house.client.post("/sign-in", data={"email": "a\0@salpa.example", "password": PASSWORD})
    assert answer.status == 422


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/settings/tokens", {"name": "a\0b", "role": "dpo"}),
        ("/settings/users", {"email": "a\0b@salpa.example", "role": "dpo"}),
        ("/settings/companies", {"code": "abc", "name": "a\0", "business_id": "0112038-9", "kind": "retail"}),
    ],
)
async def test_settings_take_no_text_that_the_database_cannot(house: House, path: str, form: dict[str, str]) -> None:
    client = await signed_in(house, Role.ADMIN, EVERY)
    assert (await send(client, path, path, **form)).status == 422


async def test_an_administrator_begins_where_they_may(house: House) -> None:
    _, link = await one_time_link(house, Role.ADMIN)
    done = await house.client.post(link, data={"password": PASSWORD, "again": PASSWORD}, allow_redirects=False)
    assert done.headers["Location"] == "/intake"


async def test_signing_out_ends_the_session(house: House) -> None:
    client = await signed_in(house, Role.HANDLER)
    assert (await send(client, "/sign-out", "/intake")).headers["Location"] == "/sign-in"
    assert (await client.get("/intake", allow_redirects=False)).status == 303


# ------------------------------------------------------------------- choosing


async def test_a_change_without_the_sessions_secret_is_refused(house: House) -> None:
    client = await signed_in(house, Role.HANDLER)
    answer = await client.post("/me/company", data={"company": "*"}, allow_redirects=False)
    assert answer.status == 403


async def test_the_language_is_kept_in_the_session_and_before_it(house: House) -> None:
    before = await house.client.post("/me/language", data={"language": "sv", "back": "/sign-in"})
    assert "Logga in" in await before.text()
    assert any(cookie.key == LANGUAGE_COOKIE for cookie in house.client.session.cookie_jar)
    client = await signed_in(house, Role.HANDLER)
    await send(client, "/me/language", "/intake", language="en", back="/intake")
    assert "Intake" in await (await client.get("/intake")).text()


async def test_a_hat_is_put_on_and_a_strange_one_is_not_there(house: House) -> None:
    other = await house.another_company()
    client = await signed_in(house, Role.DPO, [house.company, other])
    assert (await send(client, "/me/company", "/trail", company="nobody", back="/trail")).status == 404
    answer = await send(client, "/me/company", "/trail", company=other, back="//evil.example")
    assert answer.headers["Location"] == "/"
    page = await (await client.get("/trail")).text()
    assert re.search(rf'value="{other}"[^>]*aria-current="true"', page)


# ------------------------------------------------------------------- settings


async def test_settings_make_companies_users_and_tokens(house: House) -> None:
    client = await signed_in(house, Role.ADMIN, EVERY)
    code = f"u{uuid4().hex[:10]}"
    form = {"code": code, "name": "Uusi Oy", "business_id": "nonsense", "kind": "retail"}
    wrong = await send(client, "/settings/companies", "/settings/companies", **form)
    assert wrong.status == 422
    assert "Uusi Oy" in await wrong.text(), "what was typed is not lost"
    right = await send(client, "/settings/companies", "/settings/companies", **{**form, "business_id": "0112038-9"})
    assert right.status == 303

    email = f"{uuid4().hex[:10]}@salpa.example"
    user = {"email": email, "role": "reviewer", "company": house.company}
    made = await (await send(client, "/settings/users", "/settings/users", **user)).text()
    assert re.search(r"/welcome/[\w-]{30,}", made)
    assert "/welcome/" not in await (await client.get("/settings/users")).text()

    token = {"name": "vaihde", "role": "telephony", "company": house.company}
    shown = await (await send(client, "/settings/tokens", "/settings/tokens", **token)).text()
    secret = re.search(r"tal_[\w-]+", shown)
    assert secret is not None
    assert secret[0] not in await (await client.get("/settings/tokens")).text()


async def test_an_administrator_of_one_company_reaches_no_other(house: House) -> None:
    other = await house.another_company()
    theirs, _ = await one_time_link(house, Role.DPO, [other])
    everywhere, _ = await one_time_link(house, Role.DPO, EVERY)
    for codes in ([other], None):
        await accounts.create_token(house.services, HOUSE, name=f"of-{other}", role=Role.DPO, codes=codes, now=now())
    mine, _ = await one_time_link(house, Role.DPO)
    client = await signed_in(house, Role.ADMIN)

    company = {"code": f"u{uuid4().hex[:10]}", "name": "Uusi Oy", "business_id": "0112038-9", "kind": "retail"}
    assert (await send(client, "/settings/companies", "/settings/companies", **company)).status == 403
    assert 'name="business_id"' not in await (await client.get("/settings/companies")).text()

    users, tokens = [await (await client.get(f"/settings/{tab}")).text() for tab in ("users", "tokens")]
    assert mine in users
    assert not {theirs, everywhere} & set(re.findall(r"[\w.-]+@salpa\.example", users))
    assert f"of-{other}" not in tokens

    for grant in ({"company": other}, {}):
        for email in (f"{uuid4().hex[:10]}@salpa.example", theirs, everywhere):
            form = {"email": email, "role": "dpo", **grant}
            answer = await send(client, "/settings/users", "/settings/users", **form)
            assert (answer.status, "/welcome/" in await answer.text()) == (422, False)
        answer = await send(client, "/settings/tokens", "/settings/tokens", name="x", role="dpo", **grant)
        assert (answer.status, "tal_" in await answer.text()) == (422, False)
    for email in (theirs, everywhere):
        form = {"email": email, "role": "dpo", "company": house.company}
        assert "/welcome/" not in await (await send(client, "/settings/users", "/settings/users", **form)).text()

    async with house.services.db.read() as tx:
        users_there = {user.email: user.id for user in await store.list_users(tx, None)}
        tokens_there = [token.id for token in await store.list_tokens(tx, None) if token.name == f"of-{other}"]
    for email in (theirs, everywhere):
        path = f"/settings/users/{users_there[email]}"
        assert (await send(client, path, "/settings/users", disabled="true")).status == 404
    assert len(tokens_there) == 2
    for token_id in tokens_there:
        path = f"/settings/tokens/{token_id}/revoke"
        assert (await send(client, path, "/settings/tokens")).status == 404


async def test_a_closed_account_is_signed_out_at_once(house: House) -> None:
    admin = await signed_in(house, Role.ADMIN)
    email, _ = await one_time_link(house, Role.REVIEWER)
    page = await (await admin.get("/settings/users")).text()
    row = next(part for part in page.split("<tr ") if email in part)
    action = re.search(r'action="(/settings/users/[\w-]+)"', row)
    assert action is not None
    assert (await send(admin, action[1], "/settings/users", disabled="true")).status == 303
    assert "suljettu" in next(
        p for p in (await (await admin.get("/settings/users")).text()).split("<tr ") if email in p
    )


async def test_health_says_how_each_part_does(house: House) -> None:
    client = await signed_in(house, Role.ADMIN)
    page = await (await client.get("/settings/health")).text()
    assert "PostgreSQL 18" in page
    assert "objektilukitus on käytössä" in page


# ----------------------------------------------------------- contact, customer


async def test_a_contact_asks_its_purpose_and_tells_how_long_it_is_kept(house: House) -> None:
    client = await signed_in(house, Role.HANDLER)
    contact = (await house.kept(audio=call()))["id"]
    path = f"/interactions/{contact}"
    page = await (await client.get(path)).text()
    assert "Mihin käyttötarkoitukseen" in page
    assert "<audio" not in page
    assert (await send(client, f"{path}/purpose", path, kind="development")).status == 403
    assert (await send(client, f"{path}/purpose", path, kind="complaint")).status == 303
    assert "<audio" not in await (await client.get(path)).text(), "a complaint needs its number"
    await send(client, f"{path}/purpose", path, kind="complaint", reference="R-1")
    assert "Reklamaatio R-1" in await (await client.get(path)).text()
    another = (await house.kept(audio=call(seed=1)))["id"]
    assert '<option value="R-1">' in await (await client.get(f"/interactions/{another}")).text(), "named before"
    audio = await client.get(f"/api/v1{path}/audio", headers={"Range": "bytes=0-99"})
    assert (audio.status, len(await audio.read())) == (206, 100)


async def test_the_waveform_comes_as_it_was_drawn(house: House) -> None:
    client = await signed_in(house, Role.HANDLER)
    receipt = await house.kept(audio=call())
    path = f"/interactions/{receipt['id']}/peaks"
    assert (await client.get(path)).status == 404
    answer = await client.get(f"/api/v1/interactions/{receipt['id']}")
    part = next(part for part in (await answer.json())["parts"] if part["kind"] == "recording")
    async with Decoders() as decoders:
        await derive.derive(house.services, decoders, {"interaction": receipt["id"], "part": part["id"]})
    drawn = await (await client.get(path)).json()
    assert len(drawn["peaks"]) == 2
    assert drawn["duration_s"] == pytest.approx(3)


async def test_another_companys_contact_and_customer_are_not_there(house: House) -> None:
    contact = UUID((await house.kept(audio=call()))["id"])
    stranger = await signed_in(house, Role.HANDLER, [await house.another_company()])
    for path in (f"/interactions/{contact}", f"/interactions/{contact}/history", f"/interactions/{contact}/peaks"):
        assert (await stranger.get(path)).status == 404
    assert (await stranger.get(f"/customers/1?company={house.company}")).status == 404


async def test_a_customer_of_several_companies_is_chosen(house: House) -> None:
    other, number = await house.another_company(), uuid4().hex[:8]
    for company in (house.company, other):
        document = {"company": company, "name": "Aino <i>Esimerkki</i>", "kind": "natural", "hetu": "010594Y9032"}
        headers = await house.headers(Role.ADMIN, (house.company, other))
        answer = await house.client.put(f"/api/v1/customers/{number}", json=document, headers=headers)
        assert answer.status == 201
    client = await signed_in(house, Role.HANDLER, [house.company, other])
    page = await (await client.get(f"/customers/{number}")).text()
    assert f"/customers/{number}?company={other}" in page
    page = await (await client.get(f"/customers/{number}?company={other}")).text()
    assert "010594-****" in page or "010594Y****" in page
    assert "9032" not in page
    assert "<i>Esimerkki" not in page


# ---------------------------------------------------------------------- trail


async def test_the_trail_is_filtered_and_its_pages_follow(house: House) -> None:
    client = await signed_in(house, Role.DPO)
    await house.kept(audio=call())
    page = await (await client.get("/trail?action=archive:recording:kept")).text()
    assert page.count("<tr data-row") == 1
    nothing = await (await client.get("/trail?to=2020-01-01")).text()
    assert "<tr data-row" not in nothing
    assert (await client.get("/trail?action=nonsense")).status == 422


async def test_a_page_tells_the_browser_to_keep_nothing_and_run_nothing_else(house: House) -> None:
    answer = await house.client.get("/sign-in")
    policy = answer.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"


async def test_htmx_gets_the_main_part_alone(house: House) -> None:
    answer = await house.client.get("/sign-in", headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    text = await answer.text()
    assert "<main" in text
    assert "<html" not in text


async def test_an_error_page_names_the_request(house: House) -> None:
    client = await signed_in(house, Role.HANDLER)
    answer = await client.get(f"/interactions/{uuid4()}", headers={"Accept": "text/html"})
    assert answer.status == 404
    assert answer.headers["X-Request-Id"] in await answer.text()
