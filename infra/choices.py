"""A stack with everything that is there only when it is asked for, to be checked and tested."""

from pathlib import Path

from infra.bundles import PLACEHOLDER
from infra.settings import StackSettings

WEBHOOK = "https://hooks.example.org/alerts"
FORWARDED_TO = "https://events.example.org/v1/apps/shop/events"
ANALYST = "arn:aws:quicksight:us-east-1:123456789012:user/default/anna"


def everything(definitions: Path) -> StackSettings:
    """With these definitions of entities, in a tier that has Athena, and functions that cannot
    run."""
    return StackSettings(
        mrr_usd=5000, bundles=PLACEHOLDER, alert_webhook=WEBHOOK, entities=str(definitions),
        forward_to=FORWARDED_TO, forward_from="now", indicators=True, norms=True,
        token_prices="m=2.5", quicksight_principal=ANALYST, quicksight_account="acme", window_s=10,
    )  # fmt: skip
