"""Where a query child reads: what the engine tells it when it starts. Pure data."""

from collections.abc import Mapping

from msgspec import Struct, field


class LocalSource(Struct, tag="local", frozen=True):
    """A data directory: its lake and its log."""

    data_dir: str

    @property
    def root(self) -> str:
        """The place whose name no answer may show."""
        return self.data_dir


class AwsSource(Struct, tag="aws", frozen=True):
    """A stack's tables and a bucket, by way of a directory for copies of files.

    ``environment`` is what the SDK goes by, credentials included. It travels to the child through
    the pipe, and is in the child's environment only while it makes its clients.
    """

    stack: str
    bucket: str
    cache_dir: str
    cache_bytes: int
    environment: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Without the environment: it must not get into a log."""
        return f"AwsSource({self.stack!r}, {self.bucket!r}, {self.cache_dir!r})"

    @property
    def root(self) -> str:
        return self.cache_dir


Source = LocalSource | AwsSource
