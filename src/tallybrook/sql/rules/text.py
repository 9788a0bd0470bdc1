"""Text and JSON: a miss is NULL, ``$1`` in a replacement, white space is more than spaces."""

import re

from sqlglot import exp

from tallybrook.ports.sql import QueryRefusedError
from tallybrook.sql.rules.building import Rule, call, literal, number

WHITE = " \t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\u2028\u2029"
"""What Trino trims where it is not told what to trim."""


def _trim(node: exp.Expr) -> exp.Expr:
    """Any white space, where no characters are named."""
    if node.expression is None:
        node.set("expression", literal(WHITE))
    return node


def _split_part(node: exp.Expr) -> exp.Expr:
    """A part that is not there is NULL."""
    index = node.args["part_index"]
    if isinstance(index, exp.Neg) or index.name == "0":
        raise QueryRefusedError("split_part counts parts from 1.")
    if not isinstance(index, exp.Literal):
        index = call("GREATEST", index, number(0))
    return call("LIST_EXTRACT", call("STRING_SPLIT", node.this, node.args["delimiter"]), index)


def _regexp_extract(node: exp.Expr) -> exp.Expr:
    """No match is NULL."""
    arguments = [node.this, node.expression]
    if (group := node.args.get("group")) is not None:
        _check_group(node.expression, group)
        arguments.append(group)
    return call("LIST_EXTRACT", call("REGEXP_EXTRACT_ALL", *arguments), number(1))


def _check_group(pattern: exp.Expr, group: exp.Expr) -> None:
    """A group that took no part in a match is NULL in Trino and empty text in DuckDB, so it must
    be one that always takes part."""
    plain = isinstance(pattern, exp.Literal) and isinstance(group, exp.Literal)
    if not plain or (group.name != "0" and int(group.name) not in always_there(pattern.name)):
        raise QueryRefusedError(
            "The group of regexp_extract has to be a number, in a plain pattern, of a group that"
            " takes part in every match.",
            "Put what is optional inside of the group: ([0-9]*) for ([0-9]+)?.",
        )


_TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[:=!>imsx-]+[:)]?|\(\?<\w+>|[()|]", re.DOTALL
)
_OPTIONAL = re.compile(r"[?*]|\{0*[,}]")


def always_there(pattern: str) -> set[int]:
    """The numbers of the groups that are part of every match of a regular expression: neither
    they nor what is around them is optional, repeated from zero or one of several choices."""
    open_groups: list[tuple[int, set[int]]] = [(0, set())]
    choices: set[int] = set()
    inside: dict[int, set[int]] = {}
    optional: set[int] = set()
    groups = 0
    for place, token in enumerate(_TOKEN.finditer(pattern), 1):
        text = token[0]
        if text == "(" or text.startswith("(?<"):
            groups += 1
            open_groups.append((groups, set()))
        elif text.startswith("(?") and not text.endswith(")"):
            open_groups.append((-place, set()))
        elif text == "|":
            choices.add(open_groups[-1][0])
        elif text == ")" and len(open_groups) > 1:
            number_, held = open_groups.pop()
            inside[number_] = held
            open_groups[-1][1].update(held | {number_})
            if _OPTIONAL.match(pattern, token.end()):
                optional |= held | {number_}
    inside[0] = open_groups[0][1]
    for chosen in choices:
        optional |= inside.get(chosen, set())
    return set(range(1, groups + 1)) - optional


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    """Groups in the replacement are ``$1`` in Trino."""
    replacement = node.args.get("replacement")
    if not isinstance(replacement, exp.Literal) or re.search(r"\\[^$\\]|\$\{", replacement.name):
        raise QueryRefusedError(
            "regexp_replace needs its replacement as a plain text literal, with groups as $1."
        )
    text = replacement.name.replace("\\", "\\\\")
    node.set("replacement", literal(re.sub(r"\$(\d)", r"\\\1", text)))
    return node


def _json_path(node: exp.Expr) -> exp.Literal:
    """The path in DuckDB's form; it must be a literal of keys and indexes."""
    path = node.expression
    if not isinstance(path, exp.JSONPath):
        raise QueryRefusedError("A JSON path must be a literal.", "For example '$.plan.name'.")
    steps = ["$"]
    for part in path.expressions[1:]:
        key = part.this
        if isinstance(part, exp.JSONPathSubscript) and isinstance(key, int) and key >= 0:
            steps.append(f"[{key}]")
        elif isinstance(part, exp.JSONPathKey) and isinstance(key, str) and '"' not in key:
            steps.append(f'."{key}"')
        else:
            raise QueryRefusedError("A JSON path here has only keys and indexes.")
    return literal("".join(steps))


def _json_extract_scalar(node: exp.Expr) -> exp.Expr:
    """Text that is no JSON, and an object or list, are NULL."""
    return call("TB_JSON_SCALAR", node.this, _json_path(node))


def _json_extract(node: exp.Expr) -> exp.Expr:
    return call("TRY", call("JSON_EXTRACT", node.this, _json_path(node)))


def _substring(node: exp.Expr) -> exp.Expr:
    start = node.args.get("start")
    if isinstance(start, exp.Literal) and start.name == "0":
        raise QueryRefusedError("substr counts from 1.")
    return node


def _position(node: exp.Expr) -> exp.Expr:
    if node.args.get("occurrence") is not None or node.args.get("position") is not None:
        raise QueryRefusedError("strpos finds the first place only here.")
    return node


RULES: dict[str, Rule] = {
    "Trim": _trim,
    "SplitPart": _split_part,
    "RegexpExtract": _regexp_extract,
    "RegexpReplace": _regexp_replace,
    "JSONExtractScalar": _json_extract_scalar,
    "JSONExtract": _json_extract,
    "Substring": _substring,
    "StrPosition": _position,
}
