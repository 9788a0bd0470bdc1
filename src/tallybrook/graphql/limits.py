"""How much one request may ask for, told from the document alone. Pure."""

from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    get_operation_ast,
)

from tallybrook.errors import InvalidError

MAX_TOKENS = 20_000
MAX_DEPTH = 15
"""Levels of fields; the standard introspection query has 13."""
MAX_FIELDS = 2_000
"""Fields with every fragment written out where it is used."""
MAX_ROOT_FIELDS = 100


def require_bounded(document: DocumentNode) -> None:
    """Raise ``InvalidError`` when an operation is too deep or asks for too many fields."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            _require(node.selection_set, fragments)


def _require(selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]) -> None:
    roots = 0
    for fields, depth in enumerate(_depths(selections, fragments, 1, ()), 1):
        roots += depth == 1
        if depth > MAX_DEPTH:
            raise InvalidError.of("/query", f"is deeper than {MAX_DEPTH} levels")
        if fields > MAX_FIELDS:
            raise InvalidError.of("/query", f"asks for more than {MAX_FIELDS} fields")
        if roots > MAX_ROOT_FIELDS:
            raise InvalidError.of("/query", f"has more than {MAX_ROOT_FIELDS} operations in one")


def _depths(
    selections: SelectionSetNode,
    fragments: dict[str, FragmentDefinitionNode],
    depth: int,
    inside: tuple[str, ...],
) -> Iterator[int]:
    """The depth of every field; a fragment that spreads itself is left to validation."""
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield depth
            if node.selection_set and depth <= MAX_DEPTH:
                yield from _depths(node.selection_set, fragments, depth + 1, inside)
        elif isinstance(node, InlineFragmentNode):
            yield from _depths(node.selection_set, fragments, depth, inside)
        elif isinstance(node, FragmentSpreadNode):
            name = node.name.value
            if name in fragments and name not in inside:
                yield from _depths(fragments[name].selection_set, fragments, depth, (*inside, name))


def mutations(document: DocumentNode, operation_name: str | None) -> int | None:
    """How many mutations the operation asks for, None when it is a query (or there is none)."""
    operation = get_operation_ast(document, operation_name)
    if operation is None or operation.operation is not OperationType.MUTATION:
        return None
    return len(operation.selection_set.selections)
