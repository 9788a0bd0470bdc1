"""The rights of a template's roles as a table to read: role, actions, resources."""

from typing import Any

from infra.template import Template


def rights(template: Template) -> dict[str, list[tuple[str, tuple[str, ...], tuple[str, ...]]]]:
    """By role: (effect, actions, resources), resources by the names they have in an account."""
    made = template["Resources"]
    roles = {name: found for name, found in made.items() if found["Type"] == "AWS::IAM::Role"}
    table = {name: list(found["Properties"].get("Policies", [])) for name, found in roles.items()}
    for found in made.values():
        if found["Type"] == "AWS::IAM::Policy":
            for role in found["Properties"]["Roles"]:
                table[role["Ref"]].append(found["Properties"])
    return {
        name: [
            _statement(template, statement)
            for policy in policies
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        for name, policies in table.items()
    }


def as_text(template: Template) -> str:
    """The table, one statement a line below its role."""
    lines = []
    for role, statements in sorted(rights(template).items()):
        lines.append(role.removeprefix("Functions")[:-8])
        for effect, actions, resources in sorted(statements):
            mark = "" if effect == "Allow" else f"{effect} "
            lines.append(f"  {mark}{' '.join(actions)}")
            lines += [f"      {resource}" for resource in resources]
    return "\n".join(lines) + "\n"


def _statement(
    template: Template, statement: dict[str, Any]
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    actions = _listed(statement["Action"])
    resources = (_named(template, found) for found in _listed(statement["Resource"]))
    return statement["Effect"], tuple(sorted(actions)), tuple(sorted(resources))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(template: Template, value: Any) -> str:
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return "".join(_named(template, part) for part in argument[1])
    if function == "Ref":
        return argument.split("::")[-1] if "::" in argument else _resource(template, argument, "")
    logical, attribute = argument
    return _resource(template, logical, attribute)


_NAMES = ("TableName", "QueueName", "FunctionName", "LogGroupName", "BucketName", "Name")


def _resource(template: Template, logical: str, attribute: str) -> str:
    made = template["Resources"][logical]
    kind = made["Type"].removeprefix("AWS::")
    name = next((made["Properties"][key] for key in _NAMES if key in made["Properties"]), logical)
    shown = name if isinstance(name, str) else _named(template, name)
    return f"{kind} {shown}" + (" stream" if attribute == "StreamArn" else "")
