"""How often the drift test of two AIs errs, and how soon it sees: ``python tools/drift_errors.py``.

Blocks of drawn messages: five differences of a normal distribution a message; the same with one
message in twenty straying four times as far; one with an exponential tail.
"""

import random
import sys
from collections.abc import Callable
from statistics import fmean, variance

from tallybrook.assessments.agreement.drift import (
    BASELINE_BLOCKS,
    BLOCK,
    Block,
    Standing,
    after,
    begins,
    look,
)

Rate = Callable[[random.Random, float], float]


def normal(draw: random.Random, spread: float) -> float:
    return sum(min(abs(draw.gauss(0, spread)) / 20, 1) for _ in range(5)) / 5


def mixed(draw: random.Random, spread: float) -> float:
    return normal(draw, spread * (4 if draw.random() < 0.05 else 1))


def tail(draw: random.Random, spread: float) -> float:
    return min(1.0, draw.expovariate(10) * spread / 4)


RATES: dict[str, Rate] = {"normal": normal, "mixed": mixed, "tail": tail}


def block(draw: random.Random, rate: Rate, spread: float) -> Block:
    rates = [rate(draw, spread) for _ in range(BLOCK)]
    return Block(BLOCK, fmean(rates), variance(rates), None, 0, 0, "")


def alarms(rate: Rate, looks: int) -> int:
    """Edges in so many looks while nothing changes."""
    draw, standing, found = random.Random(1), Standing(), 0
    for _ in range(looks):
        seen = look(standing, block(draw, rate, 4))
        found += begins(standing, seen)
        standing = after(standing, seen)
    return found


def seen_within(rate: Rate, times: float, blocks: int, trials: int = 100) -> int:
    """Of so many trials, in how many a spread ``times`` as large is found within ``blocks``."""
    draw, found = random.Random(2), 0
    for _ in range(trials):
        standing = Standing(tuple(block(draw, rate, 4) for _ in range(BASELINE_BLOCKS)))
        for _ in range(blocks):
            seen = look(standing, block(draw, rate, 4 * times))
            if begins(standing, seen):
                found += 1
                break
            standing = after(standing, seen)
    return found


def main(looks: int = 20_000) -> None:
    print("| differences | alarms in 1 000 looks | x 1.25 | x 1.5 | x 2 |")
    print("|---|---|---|---|---|")
    for name, rate in RATES.items():
        hits = " | ".join(f"{seen_within(rate, times, 2)} %" for times in (1.25, 1.5, 2))
        print(f"| {name} | {alarms(rate, looks) / looks * 1000:.2f} | {hits} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
