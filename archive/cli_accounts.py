"""Subcommands about those who act: company, token, user. What they do is `archive.accounts`."""

from datetime import UTC, datetime
from pathlib import Path

import click

from archive import accounts
from archive.cli_kit import shell_actor, with_services
from archive.cli_options import companies_option, data_option, role_option
from archive.custody import Services
from archive.domain.access import Role
from archive.domain.companies import Company, CompanyKind


@click.group()
def company() -> None:
    """Companies, the data controllers that every contact belongs to."""


@company.command("create")
@click.argument("code")
@click.option("--name", required=True, help="The company's name.")
@click.option("--business-id", required=True, help="The Finnish business id, such as 0112038-9.")
@click.option("--kind", type=click.Choice([kind.value for kind in CompanyKind]), required=True)
@data_option
def create_company(code: str, name: str, business_id: str, kind: str, data: Path) -> None:
    """Make a company; CODE is its short name in addresses and files."""
    made = Company(code=code, name=name, business_id=business_id, kind=CompanyKind(kind))
    with_services(data, lambda services: accounts.create_company(services, shell_actor(), made, datetime.now(UTC)))
    click.echo(code)


@click.group()
def token() -> None:
    """Tokens, with which other systems sign in."""


@token.command("create")
@click.argument("name")
@role_option
@companies_option
@data_option
def create_token(name: str, role: str, companies: tuple[str, ...], data: Path) -> None:
    """Make a token and print it, the only time that it is shown."""
    codes = list(companies) or None
    secret = with_services(
        data,
        lambda services: accounts.create_token(
            services, shell_actor(), name=name, role=Role(role), codes=codes, now=datetime.now(UTC)
        ),
    )
    click.echo(secret)


@click.group()
def user() -> None:
    """Users, who sign in to the pages."""


@user.command("create")
@click.argument("email")
@role_option
@companies_option
@click.option("--name", default="", help="The user's name.")
@data_option
def create_user(email: str, role: str, companies: tuple[str, ...], name: str, data: Path) -> None:
    """Make a user and print a one-time sign-in link; for a known user, a new link."""
    codes = list(companies) or None
    link = with_services(data, lambda services: _invite(services, email, Role(role), codes, name))
    click.echo(link)


async def _invite(services: Services, email: str, role: Role, codes: list[str] | None, name: str) -> str:
    secret = await accounts.create_user(
        services, shell_actor(), email=email, role=role, codes=codes, now=datetime.now(UTC), name=name
    )
    return f"{services.settings.public_url.rstrip('/')}/welcome/{secret}"
