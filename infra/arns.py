"""From the names that permissions use to the ARNs of this stack's resources."""

from collections.abc import Iterable, Mapping


class Arns:
    """Filled by the constructs as they make things; asked when the functions' roles are made."""

    def __init__(self) -> None:
        self._known: dict[str, list[str]] = {}

    def add(self, name: str, *arns: str) -> None:
        self._known.setdefault(name, []).extend(arns)

    def add_all(self, names: Mapping[str, str]) -> None:
        for name, arn in names.items():
            self.add(name, arn)

    def of(self, names: Iterable[str]) -> list[str]:
        """The ARNs behind the names. A name nobody made is a ``KeyError``."""
        return [arn for name in names for arn in self._one(name)]

    def _one(self, name: str) -> list[str]:
        kind, _, path = name.partition(":")
        if kind == "bucket" and path:
            return [f"{bucket}/{path}" for bucket in self._known["bucket:"]]
        return self._known[name]
