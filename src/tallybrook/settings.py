"""Settings as data: one typed field each, read from ``TALLYBROOK_<NAME>``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from tallybrook.errors import UsageError

PREFIX = "TALLYBROOK_"


class Settings(Struct, kw_only=True, frozen=True):
    """Everything that can be set. The description of each field is its documentation."""

    backend: Annotated[
        Literal["local", "aws"],
        Meta(description="`local` keeps everything in the data folder, `aws` in an AWS account"),
    ] = "local"
    stack: Annotated[
        str,
        Meta(
            description="With `aws`: name of the stack, which its tables and queues begin with",
            pattern=r"\A[a-z][a-z0-9-]{0,30}\Z",
        ),
    ] = "tallybrook"
    bucket: Annotated[str, Meta(description="With `aws`: the bucket of the lake and of files")] = ""
    sockets_url: Annotated[
        str, Meta(description="With `aws`: where live updates are posted to open WebSockets")
    ] = ""
    data: Annotated[str, Meta(description="Folder that holds everything the product keeps")] = (
        "./tallybrook-data"
    )
    host: Annotated[str, Meta(description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port to listen on; 0 takes a free one", ge=0)] = 8090
    admin_key: Annotated[
        str | None,
        Meta(description="Text of the first admin key (16 characters or more); else one is made"),
    ] = None
    auth: Annotated[
        bool,
        Meta(description="Ask for keys; off only on a loopback address, everything then is admin"),
    ] = True
    keep_ip: Annotated[
        bool, Meta(description="Keep `context.ip` of events instead of dropping it at the door")
    ] = False
    record_types: Annotated[
        str,
        Meta(description="Further record types, as `name:instantField|instantField,name`"),
    ] = ""
    entities: Annotated[
        str,
        Meta(description="Entities, metrics and alerts: `tutoring`, `flights` or a TOML file"),
    ] = "tutoring"
    alert_webhook: Annotated[
        str, Meta(description="Address that alerts are posted to, signed; none without it")
    ] = ""
    alert_webhook_secret: Annotated[
        str, Meta(description="What alerts are signed with (16 characters or more)")
    ] = ""
    forward_to: Annotated[
        str,
        Meta(
            description="Where events are forwarded to in Pinpoint's format: `file:PATH`, an"
            " `https://` address, `kinesis:NAME` or `firehose:NAME`; nowhere without it"
        ),
    ] = ""
    forward_from: Annotated[
        Literal["start", "now"],
        Meta(description="What a new target gets first: all that the log holds, or what comes now"),
    ] = "start"
    forward_secret: Annotated[
        str, Meta(description="What is posted to an address is signed with (16 characters or more)")
    ] = ""
    forward_types: Annotated[
        str, Meta(description="TOML file of event types, metrics and limits for forwarding")
    ] = ""
    secret: Annotated[
        str | None,
        Meta(
            description="What pseudonyms are made with (32 bytes or more); else the one kept in the"
            " data folder, made at the first start, or in the stack's secret `privacy`"
        ),
    ] = None
    older_secrets: Annotated[
        str, Meta(description="Earlier values of `TALLYBROOK_SECRET`, apart by white space")
    ] = ""
    privacy: Annotated[
        str, Meta(description="JSON file with industries, roles, platforms or regions of your own")
    ] = ""
    min_people: Annotated[
        int, Meta(description="Fewest people behind a published figure of assessments", ge=2)
    ] = 10
    norms: Annotated[
        bool,
        Meta(
            description="Keep the sex of assessments (`female`, `male`) so that scores are held"
            " against norms; else it is dropped, and there are none"
        ),
    ] = False
    simulated: Annotated[
        str,
        Meta(
            description="Parts of the data that are simulated, apart by commas; `tallybrook demo`"
            " sets it, and the page says so"
        ),
    ] = ""
    indicators: Annotated[
        bool,
        Meta(description="Also score `dark_side_indicators` of assessments; no diagnosis"),
    ] = False
    files_dir: Annotated[
        str, Meta(description="Watched folder that files are dropped into; else `files` in `data`")
    ] = ""
    lake_retention: Annotated[
        str,
        Meta(
            description="Days that rows of the lake are kept, as `table=days,table=days`; those of"
            " a table that is not named stay"
        ),
    ] = ""
    token_prices: Annotated[
        str,
        Meta(description="Dollars per million tokens of AI models, as `model=usd,model=usd`"),
    ] = ""
    budget_usd: Annotated[
        float, Meta(description="Dollars a month to stay under, AWS prices; 0 for no budget", ge=0)
    ] = 50.0
    budget_stop: Annotated[
        Literal["auto", "on", "off"],
        Meta(
            description="Whether a budget that is used up stops exports and queries: `auto` does"
            " with `aws`, where dollars are really paid"
        ),
    ] = "auto"
    workflow: Annotated[
        str, Meta(description="With `aws`: ARN of the state machine that runs workflows")
    ] = ""
    max_pending: Annotated[
        int, Meta(description="Items that may wait for the writer before it answers 429", ge=1)
    ] = 50_000
    query_workers: Annotated[
        int, Meta(description="Child processes kept ready for SQL", ge=1, le=16)
    ] = 2
    query_memory_mb: Annotated[int, Meta(description="Memory one query may use, in MiB", ge=64)] = (
        1024
    )
    query_timeout_s: Annotated[
        float, Meta(description="Longest a query may run, in seconds", gt=0)
    ] = 300.0
    query_max_bytes: Annotated[int, Meta(description="Most bytes one query may scan", ge=0)] = (
        1 << 30
    )
    query_cache_mb: Annotated[
        int, Meta(description="Room for answers that are kept for an hour, in MiB", ge=0)
    ] = 256
    queries: Annotated[
        str, Meta(description="Directory of your own saved queries, `*.sql`; empty for none")
    ] = ""
    athena: Annotated[
        bool,
        Meta(
            description="With `aws`: run SQL on the stack's Athena workgroup; a stack of a tier"
            " that has one sets it"
        ),
    ] = False
    query_rate: Annotated[
        float, Meta(description="Queries a key may start in a minute; 0 for no limit", ge=0)
    ] = 10.0
    drain_s: Annotated[
        float, Meta(description="Longest a stop waits for requests under way, in seconds", ge=0)
    ] = 10.0
    log_level: Annotated[str, Meta(description="debug, info, warning or error")] = "info"

    @property
    def data_path(self) -> Path:
        return Path(self.data)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None, **overrides: object) -> "Settings":
        """The settings of the environment, with overrides (None means: not given).

        Raises ``UsageError`` naming the setting that cannot be used.
        """
        env = os.environ if env is None else env
        values: dict[str, object] = {
            field: env[PREFIX + field.upper()]
            for field in cls.__struct_fields__
            if PREFIX + field.upper() in env
        }
        values.update({name: value for name, value in overrides.items() if value is not None})
        try:
            return msgspec.convert(values, cls, strict=False)
        except msgspec.ValidationError as error:
            raise UsageError(f"settings: {error}") from None
