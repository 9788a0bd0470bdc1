"""What can be chosen about a stack."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from cyclopts import Parameter

from tallybrook.accounts.keys import DEFAULT_ACCOUNT, require_account
from tallybrook.costs.load import MAX_WINDOW_S, WINDOW_S
from tallybrook.costs.tiers import Tier, current_mrr_usd, tier_of
from tallybrook.entities.library import built_in, load
from tallybrook.entities.webhook import require_target
from tallybrook.errors import UsageError
from tallybrook.ports.signing import MIN_SECRET
from tallybrook.ports.sinks.targets import Target, parse
from tallybrook.records.reading import parse_types
from tallybrook.settings import Settings
from tallybrook.wiring.agreement import check_token_prices
from tallybrook.wiring.forwarding import check_forwarding

Arch = Literal["arm64", "x86_64"]

_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:quicksight:[a-z0-9-]+:\d{12}:(user|group)/[^/\s]+/\S+")

ATHENA_RESULTS = "results/athena/"
"""Where Athena's answers are put in the stack's bucket; what is under ``results/`` is deleted
in time."""

DEPLOYED = "deployed"
"""What a file of definitions is called once it is in the functions' code."""

DEFAULT_BATCHING = (100, 15)
RECORD_BATCHING = {"items": (10, 15), "scoreResults": (100, 15), "tasks": (1, 15),
                   "evaluations": (1, 15)}  # fmt: skip
"""Records a recount waits for, or seconds, whichever comes first, by record type."""


@Parameter(name="*")
@dataclass(kw_only=True, frozen=True)
class StackSettings:
    """The choices; a dataclass because the command line reads its options from it."""

    stack: str = "tallybrook"
    """Name of the stack; every name in it begins with this."""

    mrr_usd: Annotated[float, Parameter(name=("--mrr-usd", "--mrr"))] = field(
        default_factory=current_mrr_usd
    )
    """Monthly revenue, which chooses the tier. Default: CURRENT_MRR, else 0."""

    arch: Arch = "arm64"
    """Processor of the functions."""

    python: str = "3.13"
    """Python of the functions."""

    record_types: str = ""
    """Further record types, as the setting of that name."""

    entities: str = field(default_factory=lambda: os.environ.get("TALLYBROOK_ENTITIES", "tutoring"))
    """Entities and alerts: a built-in name or a TOML file, which is deployed with the code.
    Default: TALLYBROOK_ENTITIES, else tutoring."""

    alert_webhook: str = field(
        default_factory=lambda: os.environ.get("TALLYBROOK_ALERT_WEBHOOK", "")
    )
    """Address that alerts are posted to. Default: TALLYBROOK_ALERT_WEBHOOK, else nowhere."""

    forward_to: str = field(default_factory=lambda: os.environ.get("TALLYBROOK_FORWARD_TO", ""))
    """Where events are forwarded to: an https:// address, kinesis:NAME or firehose:NAME of the same
    account and region. Default: TALLYBROOK_FORWARD_TO, else nowhere."""

    forward_from: Literal["start", "now"] = "start"
    """What a new target gets first: all that the log holds, or what comes now."""

    indicators: bool = False
    """Whether dark_side_indicators are scored, as the setting of that name."""

    norms: bool = False
    """Whether scores are compared with norms, for which sex is kept, as the setting of that
    name."""

    token_prices: str = ""
    """Prices of AI models, as the setting of that name."""

    keep_data: bool = True
    """Whether tables and bucket outlive the stack."""

    alarm_email: str = ""
    """Where alarms are sent."""

    window_s: int = WINDOW_S
    """Seconds that the stack waits for more events before it numbers and counts those it has, from
    1 to 300: fewer write units where events are few, counts and live pages that much later."""

    kinesis: bool | None = None
    """Whether there is a Kinesis stream. Default: by the tier."""

    athena: bool | None = None
    """Whether SQL runs on Athena. Default: by the tier."""

    quicksight_principal: str = ""
    """ARN of the QuickSight user or group that gets the dashboard, in a tier with Athena. Default:
    there is none; it needs a subscription."""

    quicksight_account: str = DEFAULT_ACCOUNT
    """The account whose rows the dashboard shows."""

    bundles: Path | None = None
    """Folder with the functions' code, one folder each."""

    def __post_init__(self) -> None:
        """Raises ``UsageError`` where a choice cannot be used."""
        Settings.from_env({}, stack=self.stack)
        tier_of(self.mrr_usd)
        if not WINDOW_S <= self.window_s <= MAX_WINDOW_S:
            raise UsageError(f"window-s must be from {WINDOW_S} to {MAX_WINDOW_S} s")
        load(self.entities)
        if self.alert_webhook:
            require_target(self.alert_webhook, "x" * MIN_SECRET)  # the secret is made in the stack
        check_token_prices(Settings(token_prices=self.token_prices))
        self._check_forwarding()
        self._check_quicksight()

    def _check_quicksight(self) -> None:
        require_account(self.quicksight_account)
        principal = self.quicksight_principal
        if principal and not _PRINCIPAL.fullmatch(principal):
            raise UsageError(f"quicksight-principal: no ARN of a user or group: {principal!r}")
        if principal and not self.with_athena:
            raise UsageError("quicksight-principal: the dashboard reads Athena; give --athena too")

    def _check_forwarding(self) -> None:
        settings = Settings(backend="aws", forward_to=self.forward_to)
        check_forwarding(settings)
        target = self.forward_target
        if target and target.kind == "http" and "@" in urlsplit(target.name).netloc:
            raise UsageError("TALLYBROOK_FORWARD_TO: a password in it would lie in an environment")

    @property
    def forward_target(self) -> Target | None:
        return parse(self.forward_to) if self.forward_to else None

    @property
    def definitions(self) -> str:
        """What the functions call the definitions."""
        return self.entities if self.entities in built_in() else DEPLOYED

    @property
    def tier(self) -> Tier:
        return tier_of(self.mrr_usd)

    @property
    def with_kinesis(self) -> bool:
        if self.kinesis is None:
            return self.tier.kinesis
        return self.kinesis

    @property
    def with_athena(self) -> bool:
        return self.tier.athena if self.athena is None else self.athena

    @property
    def types(self) -> tuple[str, ...]:
        """The record types, declared ones included."""
        return tuple(parse_types(self.record_types))
