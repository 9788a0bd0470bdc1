"""What tokens of language models cost: a dated table, and prices of one's own by model.

A price is dollars per million tokens, read and written ones together: that is all a message of two
AIs tells apart.
"""

import math
from functools import cache
from importlib import resources
from typing import Literal

import msgspec
from msgspec import Struct, structs

from tallybrook.errors import UsageError

Side = Literal["a", "b"]
"""The AI that scores, and the one that checks it."""

PER = 1_000_000


class TokenPrices(Struct, frozen=True, forbid_unknown_fields=True):
    """``usd_per_million`` by side, for models that ``models`` does not name. ``as_of`` is a
    month."""

    as_of: str
    source: str
    usd_per_million: dict[Side, float]
    models: dict[str, float]

    def price(self, side: Side, model: str | None) -> float:
        """Dollars per million tokens of a model, or of its side where it has no price."""
        default = self.usd_per_million[side]
        return default if model is None else self.models.get(model, default)

    def cost_usd(self, side: Side, model: str | None, tokens: int) -> float:
        return tokens * self.price(side, model) / PER


@cache
def token_prices(own: str = "") -> TokenPrices:
    """The table of this release, with ``own`` prices (``model=usd,model=usd``, dollars per million
    tokens) above it. Raises ``UsageError`` naming the entry that is none."""
    data = resources.files("tallybrook.costs").joinpath("token_prices.json").read_bytes()
    table = msgspec.json.decode(data, type=TokenPrices)
    entries = [entry.strip() for entry in own.split(",") if entry.strip()]
    return structs.replace(table, models=table.models | dict(map(_entry, entries)))


def _entry(text: str) -> tuple[str, float]:
    model, _, price = text.rpartition("=")
    try:
        usd = float(price)
    except ValueError:
        usd = math.nan
    if not model.strip() or not math.isfinite(usd) or usd < 0:
        raise UsageError(f"token prices: {text!r} is not model=dollars per million tokens")
    return model.strip(), usd
