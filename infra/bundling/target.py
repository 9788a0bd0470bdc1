"""What a bundle is made for: processor and Python version."""

import platform
import sys
from typing import Literal

from msgspec import Struct

Arch = Literal["arm64", "x86_64"]

_UV_NAMES: dict[Arch, str] = {"arm64": "aarch64", "x86_64": "x86_64"}
_ELF_MACHINES: dict[Arch, int] = {"arm64": 183, "x86_64": 62}


class Target(Struct, frozen=True):
    """``arch`` as Lambda calls it; ``python`` as ``3.13``."""

    arch: Arch
    python: str

    @property
    def platform(self) -> str:
        """What uv calls it. Amazon Linux 2023, under Python 3.12 and newer, has glibc 2.34;
        under 3.11 Lambda has an older one, so 3.11 bundles are for emulators on this machine."""
        return f"{_UV_NAMES[self.arch]}-manylinux_2_34"

    @property
    def elf_machine(self) -> int:
        """The machine number in the header of each of its shared objects."""
        return _ELF_MACHINES[self.arch]

    @property
    def is_host(self) -> bool:
        return self == host()

    @property
    def has_host_python(self) -> bool:
        """Whether this interpreter's bytecode is the target's, whatever the processor."""
        return self.python == host().python

    def __str__(self) -> str:
        return f"{self.arch}-{self.python}"


def host() -> Target:
    """This machine with this interpreter: what an emulator here runs."""
    arch: Arch = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    return Target(arch, f"{sys.version_info.major}.{sys.version_info.minor}")


DEPLOYED = Target("arm64", "3.13")
"""What is deployed unless asked otherwise."""
