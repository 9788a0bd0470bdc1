"""What tests of every folder share: waiting, the command line, a running product."""

from tests.support.commands import Ran, start_cli, tallybrook
from tests.support.databases import write_lock_held
from tests.support.product import Running, running_product
from tests.support.waiting import is_gone, wait_for, wait_until_gone

__all__ = [
    "Ran",
    "Running",
    "is_gone",
    "running_product",
    "start_cli",
    "tallybrook",
    "wait_for",
    "wait_until_gone",
    "write_lock_held",
]
