"""Phrases that speech models invent where nobody says them, because they were trained on subtitles. Pure.

A phrase is listed only if hardly anyone would say it on the telephone to a company: "kiitos" alone is not here. Found
by letting models of several sizes listen to noise and music, and in subtitles of the three languages.
"""

import re
from typing import Final

_WHOLE: Final = frozenset(
    {
        # Finnish
        "kiitos katsomisesta", "kiitos kun katsoit", "kiitos kun katsoitte", "kiitos että katsoit", "tilaa kanava",
        "kiitos katselusta", "muista tilata kanava", "suomentanut", "käännös", "kiitos kuuntelusta", "musiikkia",
        "nähdään ensi videossa", "nähdään seuraavassa videossa", "tekstitys", "ohjelma on tekstitetty", "aplodeja",
        # Swedish
        "tack för att du tittade", "tack för att ni tittade", "tack för att du har tittat", "textning stina hedin",
        "tack för att ni har tittat", "prenumerera på kanalen", "undertexter", "undertexter från amara.org-gemenskapen",
        "vi ses i nästa video", "musik", "applåder", "textning",
        # English
        "thanks for watching", "thank you for watching", "thank you so much for watching", "please subscribe",
        "thanks for watching and i'll see you in the next video", "like and subscribe", "see you in the next video",
        "don't forget to subscribe", "subtitles by the amara.org community", "music", "applause", "music playing",
    }
)  # fmt: skip

_BEGINS: Final = re.compile(
    r"""^(?:
        tekstitys\s*: | tekstit\s*: | suomennos\s*: | käännös\s*: | suomentanut\s+\w+ | ohjelman\s+tekstitys
      | undertexter?\s*: | undertexter\s+från | textning\s*: | svensk\s+text(?:ning)?\s*: | översättning\s*:
      | översättare\s*: | subtitles\s+by | subtitled\s+by | captions?\s+by | transcribed\s+by | translated\s+by
      | amara\.org | www\.\S+\.(?:com|org|fi|se)\b$
    )""",
    re.VERBOSE,
)

_HOLDS: Final = re.compile(r"amara\.org|btistudios|broadcast\s+text|yle\s+tekstitys|stina\s+hedin|opensubtitles")


def is_phantom(text: str) -> bool:
    """Whether a sentence is one of the phrases that models invent."""
    plain = " ".join(text.casefold().split()).strip(" .,!?…-–*[]()♪\"'”")
    return plain in _WHOLE or bool(_BEGINS.search(plain) or _HOLDS.search(plain))
