"""Forms that several walls have. Those of one wall stand beside its pages."""

from pydantic import BaseModel, ConfigDict


class BackForm(BaseModel):
    """A button: where to go afterwards; None is the page that the handler thinks of."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    back: str | None = None
