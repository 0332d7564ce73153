"""Words for the values of the domain: what a trail action, a purpose, a kind of evidence is called on a page.

Message ids are English and translated where they are shown. Sentences of a single page stay in its template.
"""

from archive.domain.access import Action, PurposeKind
from archive.domain.retention import Period
from archive.web.shell import N_

ACTIONS: dict[str, str] = {
    Action.RECORDING_KEPT: N_("Recording kept"),
    Action.CHAT_KEPT: N_("Chat kept"),
    Action.INTERACTION_SEEN: N_("Contact looked at"),
    Action.AUDIO_OPENED: N_("Recording listened to"),
    Action.TRANSCRIPT_OPENED: N_("Transcript opened"),
    Action.CONTENT_OPENED: N_("Messages read"),
    Action.TRANSCRIPTION_ASKED: N_("Transcript asked for"),
    Action.SPEECH_RULES_WRITTEN: N_("Rules of transcription written"),
    Action.VOCABULARY_WRITTEN: N_("Vocabulary written"),
    Action.HISTORY_SEEN: N_("History looked at"),
    Action.CUSTOMER_SEEN: N_("Customer looked at"),
    Action.CUSTOMER_WRITTEN: N_("Customer saved"),
    Action.CUSTOMERS_IMPORTED: N_("Customers imported"),
    Action.LINK_MADE: N_("Linked to a customer"),
    Action.LINK_UNDONE: N_("Link undone"),
    Action.LINK_ACCEPTED: N_("Suggested link accepted"),
    Action.LINK_REFUSED: N_("Suggested link refused"),
    Action.PURPOSE_STATED: N_("Purpose stated"),
    Action.SEARCHED: N_("Search made"),
    Action.HOLD_PLACED: N_("Hold placed"),
    Action.HOLD_RELEASED: N_("Hold released"),
    Action.POLICY_WRITTEN: N_("Policy saved"),
    Action.DISPOSAL_PREVIEWED: N_("Disposal previewed"),
    Action.DISPOSAL_STARTED: N_("Disposal started"),
    Action.INTERACTION_DESTROYED: N_("Contact destroyed"),
    Action.CERTIFICATE_SEEN: N_("Certificate looked at"),
    Action.ORPHAN_SWEPT: N_("Orphan objects swept"),
    Action.TRAIL_SEEN: N_("Trail looked at"),
    Action.KEY_EXPORTED: N_("Key exported"),
    Action.KEY_ROTATION_BEGUN: N_("Key rotation begun"),
    Action.KEYS_ROTATED: N_("Keys rotated"),
    Action.COMPANY_CREATED: N_("Company created"),
    Action.USER_CREATED: N_("User created"),
    Action.USER_CHANGED: N_("User changed"),
    Action.SIGN_IN_LINK_ISSUED: N_("One-time link made"),
    Action.PASSWORD_SET: N_("Password set"),
    Action.TOKEN_CREATED: N_("Token created"),
    Action.TOKEN_REVOKED: N_("Token revoked"),
    Action.SIGNED_IN: N_("Signed in"),
    Action.SIGN_IN_REFUSED: N_("Sign-in refused"),
    Action.SIGNED_OUT: N_("Signed out"),
    Action.DEADLETTER_RETRIED: N_("Failed job tried again"),
    Action.DEMO_SEEDED: N_("Demo made"),
}

PURPOSES: dict[str, str] = {
    PurposeKind.VERIFICATION: N_("Verifying what was agreed"),
    PurposeKind.COMPLAINT: N_("Complaint"),
    PurposeKind.DEVELOPMENT: N_("Developing the service"),
    PurposeKind.SUBJECT_REQUEST: N_("Data subject's request"),
    PurposeKind.AUTHORITY: N_("Authority's request"),
}

EVIDENCE: dict[str, str] = {
    "customer_number": N_("customer number"),
    "metering_point": N_("metering point"),
    "phone": N_("phone number"),
    "email": N_("e-mail address"),
    "by_hand": N_("by hand"),
}

ENERGIES: dict[str, str] = {
    "electricity": N_("Electricity"),
    "district_heat": N_("District heat"),
    "gas": N_("Gas"),
    "steam": N_("Steam"),
}

FIELDS: dict[str, str] = {
    "code": N_("Code"),
    "name": N_("Name"),
    "business_id": N_("Business id"),
    "kind": N_("Kind"),
    "role": N_("Role"),
    "company": N_("Company"),
    "reason": N_("Reason"),
    "password": N_("Password"),
}

ALL: dict[str, str] = {**ACTIONS, **PURPOSES, **EVIDENCE, **ENERGIES, **FIELDS}
"""One table for the filter `word`; the keys of the tables do not overlap."""


def NN_(one: str, many: str) -> tuple[str, str]:  # noqa: N802  # the usual mark for words that are translated later
    """Mark a message with its plural for the catalogs."""
    return one, many


def period_parts(period: Period) -> tuple[tuple[str, str, int], ...]:
    """A keep period as plural message ids (one, many, number), from large to small; join what they give with spaces."""
    units = (
        (*NN_("%(num)s year", "%(num)s years"), period.years),
        (*NN_("%(num)s month", "%(num)s months"), period.months),
        (*NN_("%(num)s week", "%(num)s weeks"), period.weeks),
        (*NN_("%(num)s day", "%(num)s days"), period.days),
    )
    return tuple(unit for unit in units if unit[2])
