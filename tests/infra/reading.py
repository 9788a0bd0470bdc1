"""Looking things up in a template."""

from typing import Any

from infra.template import Template

Properties = dict[str, Any]


def of_type(template: Template, kind: str) -> dict[str, Properties]:
    """Properties of every resource of a type, by logical name."""
    return {
        name: made.get("Properties", {})
        for name, made in template["Resources"].items()
        if made["Type"] == f"AWS::{kind}"
    }


def functions(template: Template) -> dict[str, Properties]:
    """The functions by their own names: http, sequence …"""
    found = of_type(template, "Lambda::Function").values()
    return {made["FunctionName"].removeprefix("tallybrook-"): made for made in found}


def mappings(template: Template) -> dict[str, list[Properties]]:
    """Event source mappings by the function they call."""
    by_name: dict[str, list[Properties]] = {}
    for made in of_type(template, "Lambda::EventSourceMapping").values():
        logical = made["FunctionName"]["Fn::GetAtt"][0]
        name = template["Resources"][logical]["Properties"]["FunctionName"]
        by_name.setdefault(name.removeprefix("tallybrook-"), []).append(made)
    return by_name


def rule(template: Template, about: str) -> Properties:
    """The rule of the bus whose description says this."""
    (found,) = (
        made for made in of_type(template, "Events::Rule").values() if about in made["Description"]
    )
    return found
