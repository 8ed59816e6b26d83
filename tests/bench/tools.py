"""The generator and the provider: the rig's C programs where they can be built, else our own.

The rule: both kinds take the same options and print the same fields, so that nothing else here
knows which of them runs; the rig's folder is only read.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
FLOOR = ("hcfast.py", "app.py")


@dataclass(frozen=True, slots=True)
class Tools:
    """What measures: how to call it, what to say of it, and the folder of the floor, if any."""

    load: tuple[str, ...]
    provider: tuple[str, ...]
    words: str
    comparable: bool
    floor: Path | None


def find_tools(root: Path, env: Mapping[str, str], scratch: Path) -> Tools:
    """The best tools that this machine has; what must be built is built in `scratch`."""
    rig = Path(env.get("HEADGATE_RIG") or root / ".." / "shared" / "rig").resolve()
    floor = _copy_floor(rig, scratch)
    reason = _build(rig, env, scratch)
    if reason is None:
        words = "the rig's C programs"
        return Tools((str(scratch / "load"),), (str(scratch / "upstream"),), words, True, floor)
    return Tools(
        (sys.executable, str(HERE / "small_load.py")),
        (sys.executable, str(HERE / "small_provider.py")),
        f"the small Python generator, because {reason}; its figures are not comparable with "
        "those of the rig, nor with the targets, and only the ratios of this run say anything",
        False,
        floor,
    )


def _copy_floor(rig: Path, scratch: Path) -> Path | None:
    # A copy, because Python would write its bytecode beside the original.
    source, target = rig / "gateways" / "floor", scratch / "floor"
    if not all((source / name).is_file() for name in FLOOR):
        return None
    target.mkdir()
    for name in FLOOR:
        shutil.copyfile(source / name, target / name)
    return target


def _build(rig: Path, env: Mapping[str, str], scratch: Path) -> str | None:
    """Compile both programs; the reason when that is not possible."""
    if not (rig / "load.c").is_file() or not (rig / "upstream.c").is_file():
        return "the rig is not here"
    names = (env.get("CC", ""), "cc", "gcc", "clang")
    compiler = next((found for name in names if name and (found := shutil.which(name))), None)
    if compiler is None:
        return "there is no C compiler"
    for name in ("load", "upstream"):
        built = subprocess.run(
            [compiler, "-O2", "-o", str(scratch / name), str(rig / f"{name}.c"), "-lm"],
            capture_output=True,
            check=False,
        )
        if built.returncode:
            return f"{Path(compiler).name} could not build {name}.c"
    return None
