"""Options that subcommands share, and the settings that they lead to."""

from pathlib import Path

import click

from archive.domain.access import Role
from archive.errors import Misconfigured
from archive.settings import Settings, load

data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="TALLENNE_DATA",
    default=Path("var"),
    show_default="$TALLENNE_DATA, else ./var",
    help="The data directory.",
)

role_option = click.option(
    "--role", type=click.Choice([role.value for role in Role]), required=True, help="What the holder may do."
)

companies_option = click.option(
    "--company", "companies", multiple=True, metavar="CODE", help="Covers only this one; may be repeated."
)


def settings_of(data: Path) -> Settings:
    """The settings for a data directory, which must name services.

    Raises:
        Misconfigured: they do not, or one is wrong.

    """
    settings = load(data)
    if not settings.database_url.get_secret_value() or not settings.s3_endpoint:
        raise Misconfigured(
            f"nothing runs in {settings.data}: start `tallenne up` there, "
            "or name services with TALLENNE_DATABASE_URL and TALLENNE_S3_ENDPOINT"
        )
    return settings
