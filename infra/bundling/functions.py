"""The functions as data, as far as packing is concerned."""

from collections.abc import Mapping

from msgspec import Struct

PACKAGE = "tallybrook.entrypoints.lambdas"


HTTP_CLIENT = frozenset({"h11", "httpcore", "httpx"})
GRAPHQL_CLIENT = HTTP_CLIENT | {"backoff", "gql", "graphql-core"}
GRAPHQL_SERVER = frozenset({"ariadne", "graphql-core"})

OPTIONAL = GRAPHQL_CLIENT | GRAPHQL_SERVER | {
    "click", "duckdb", "numpy", "pygments", "rich", "sqlglot",
}  # fmt: skip
"""Bundled only where a function is said to use them: the wiring reaches them from everywhere,
inside functions that are rarely called, and httpx does without the ones of its command line."""

IMPORTED_LATE: Mapping[str, tuple[str, ...]] = {"httpx": ("httpcore", "h11")}
"""Modules that a distribution imports inside its own functions, where nobody else sees it."""


class Function(Struct, frozen=True, kw_only=True):
    """One function. ``uses`` names the optional distributions it needs, ``programs`` the modules
    it runs as processes of their own."""

    name: str
    uses: frozenset[str] = frozenset()
    programs: tuple[str, ...] = ()

    @property
    def without(self) -> frozenset[str]:
        """The distributions that stay out."""
        return OPTIONAL - self.uses

    @property
    def module(self) -> str:
        return f"{PACKAGE}.{self.name}"

    @property
    def handler(self) -> str:
        """What Lambda's ``Handler`` setting says."""
        return f"{self.module}.handler"


FUNCTIONS: tuple[Function, ...] = (
    Function(name="http", uses=GRAPHQL_SERVER),
    Function(
        name="query", uses=frozenset({"duckdb", "numpy", "sqlglot"}),
        programs=("tallybrook.ports.sql.child",),
    ),
    Function(name="sockets"),
    Function(name="sequence"),
    Function(name="recount", uses=GRAPHQL_CLIENT),
    Function(name="resolve"),
    Function(name="kinesis"),
    Function(name="sqs"),
    Function(name="s3"),
    Function(name="bus"),
    Function(name="entities"),
    Function(name="webhook", uses=HTTP_CLIENT),
    Function(name="anonymizer"),
    Function(name="ocean"),
    Function(name="dual_ai"),
    Function(name="forward", uses=HTTP_CLIENT),
    Function(name="schedule"),
    Function(name="workflow", uses=frozenset({"numpy"})),
    Function(name="lake", uses=frozenset({"duckdb", "numpy"})),
)  # fmt: skip

HOST_ENVIRONMENT = {
    "TALLYBROOK_BACKEND": "aws",
    "TALLYBROOK_STACK": "tallybrook",
    "TALLYBROOK_BUCKET": "tallybrook",
    "TALLYBROOK_SOCKETS_URL": "http://127.0.0.1:1",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "none",
}
"""What a handler finds in its environment while its imports are recorded; nothing is called."""


def function(name: str) -> Function:
    """The function of that name; ``KeyError`` when there is none."""
    for found in FUNCTIONS:
        if found.name == name:
            return found
    raise KeyError(f"no function {name}")
