"""Function bundles without Docker: from the lock, each holding only what it imports.

``python -m infra.bundling --out DIR`` makes them all. The SDK is bundled although Lambda's runtime
has one: that one changes without a release of ours, and the pinned one, less the models of the
services a function does not call, is a tenth of its size.
"""

from infra.bundling.errors import BundlingError
from infra.bundling.functions import FUNCTIONS, Function, function
from infra.bundling.packing import bundle, size_bytes
from infra.bundling.target import DEPLOYED, Target, host
from infra.bundling.zipping import digest, zip_bundle

__all__ = [
    "DEPLOYED", "FUNCTIONS", "BundlingError", "Function", "Target", "bundle", "digest",
    "function", "host", "size_bytes", "zip_bundle",
]  # fmt: skip
