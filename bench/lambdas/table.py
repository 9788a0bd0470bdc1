"""The table, on the screen and in ``docs/reference/lambda.md``."""

from bench.lambdas.measuring import INIT_GOAL, PEAK_GOAL_MB, Result
from bench.publish import fill
from bench.report import ROOT
from bench.row import number

PAGE = ROOT / "docs" / "reference" / "lambda.md"

HEADERS = (
    "function", "memory MB", "unzipped MB", "modules", "init ms", "bare init ms", "init ratio",
    "first ms", "cold ratio", "warm ms", "peak MB", "",
)  # fmt: skip


def cells(result: Result) -> tuple[str, ...]:
    """A row as text; the mark says whether both goals are met."""
    reached = result.peak_mb < PEAK_GOAL_MB and result.init_ratio <= INIT_GOAL
    return (
        result.name, str(result.memory_mb), f"{result.unzipped_mb:.1f}", str(result.modules),
        number(result.of("init_ms")), number(result.of_bare("init_ms")),
        f"{result.init_ratio:.2f}", number(result.of("first_ms")), f"{result.cold_ratio:.2f}",
        number(result.of("warm_ms")), f"{result.peak_mb:.0f}", "✓" if reached else "✗",
    )  # fmt: skip


def markdown(results: list[Result], failed: dict[str, str], about: dict[str, str]) -> str:
    """The block between the page's markers."""
    told = ", ".join(f"{name} {text}" for name, text in about.items())
    lines = [f"Measured on: {told}. Compare ratios.", ""]
    lines += [f"| {' | '.join(HEADERS)} |", f"|---|{'--:|' * (len(HEADERS) - 2)}---|"]
    lines += [f"| {' | '.join(cells(result))} |" for result in results]
    lines += [_bare(results)] if results else []
    lines += ["", *(f"- {name}: not measured, {why}" for name, why in failed.items())]
    return "\n".join(lines).strip()


def _bare(results: list[Result]) -> str:
    samples = [sample for result in results for sample in result.bare]
    together = Result("bare", 128, 0, 0, 0, samples, samples)
    empty = ("",) * 2
    figures = (
        number(together.of("init_ms")), "", "1", number(together.of("first_ms")), "1",
        number(together.of("warm_ms")), f"{together.peak_mb:.0f}", "",
    )  # fmt: skip
    return f"| {' | '.join(('*bare handler*', '128', *empty, *figures))} |"


def publish(results: list[Result], failed: dict[str, str], about: dict[str, str]) -> None:
    """Write the page's block anew."""
    fill(PAGE, markdown(results, failed, about))
