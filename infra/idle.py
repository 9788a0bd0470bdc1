"""What a stack costs in a month in which nothing happens, from its template and list prices.

The prices and the reckoning are the product's own (``tallybrook.costs``); here is what the
template says.
"""

from typing import Any

from infra.template import Template
from tallybrook.costs.bill import Bill, bill
from tallybrook.costs.prices import Prices, prices
from tallybrook.costs.standing import RUNS, Standing, standing_uses


def idle_cost(template: Template, known: Prices | None = None) -> Bill:
    """The lines of the bill that are not zero at list price."""
    return bill(standing_uses(standing(template)), known or prices())


def standing(template: Template) -> Standing:
    """What the template has that is paid whether or not anything happens."""
    made = _by_type(template)
    functions = made("AWS::Lambda::Function")
    memory = {made["FunctionName"].rsplit("-", 1)[-1]: made["MemorySize"] for made in functions}
    streams = made("AWS::Kinesis::Stream")
    warm = sum(
        alias["ProvisionedConcurrencyConfig"]["ProvisionedConcurrentExecutions"]
        for alias in made("AWS::Lambda::Alias")
    )
    mappings = made("AWS::Lambda::EventSourceMapping")
    return Standing(
        arch=functions[0]["Architectures"][0],
        secrets=len(made("AWS::SecretsManager::Secret")),
        queues=sum("ScalingConfig" in mapping for mapping in mappings),
        alarms=len(made("AWS::CloudWatch::Alarm")),
        dashboards=len(made("AWS::CloudWatch::Dashboard")),
        shards=sum(stream["ShardCount"] for stream in streams),
        watched_shards=sum(
            stream["ShardCount"] for stream in streams if stream.get("DesiredShardLevelMetrics")
        ),
        warm_mb=warm * memory["http"],
        memory_mb={name: memory[name] for name in RUNS},
    )


def _by_type(template: Template) -> Any:
    def properties(kind: str) -> list[dict[str, Any]]:
        resources = template["Resources"].values()
        return [found.get("Properties", {}) for found in resources if found["Type"] == kind]

    return properties
