"""The page that shows what the product knows: static files, no build step, no outside host.

The HTTP entry point serves ``index.html`` at ``/`` and everything else below ``/assets``, both
with ``SECURITY_HEADERS``. The page calls the public HTTP API only; it has no privilege of its own.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # Every sink that parses text as HTML or code throws: data can only become text.
        "require-trusted-types-for 'script'",
    )
)

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        # Ask each time (the ETag answers 304): modules of two versions must never be mixed.
        "Cache-Control": "no-cache",
    }
)
"""Headers of the page and of its assets."""


def static_dir() -> Path:
    """Folder with ``index.html`` (for ``/``) and ``assets/`` (for ``/assets``)."""
    return Path(__file__).parent / "static"
