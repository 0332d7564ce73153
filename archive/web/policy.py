"""What a browser is told about safety on every answer: the content policy and its companions.

Nothing here decides who may see what. The policy is strict: no inline script, no evaluation, no foreign host.
"""

from types import MappingProxyType

# wavesurfer writes one fixed style sheet into its shadow root. Its digest is named here, so that exactly this text is
# let in and inline styles stay forbidden; a browser test fails when a new version of the part changes the text.
WAVE_STYLE_DIGEST = "sha256-fF0LBso7Nz75zaFRDBUefBDvPe19hjaiDnnc8lt+2Js="

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' '{WAVE_STYLE_DIGEST}'",
        "img-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

SAFETY_HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
)
