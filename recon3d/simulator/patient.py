"""Which anatomy goes with a plan."""

from __future__ import annotations

from videoengine.errors import UsageError, nearest
from videoengine.recon3d.simulator.anatomy import Anatomy
from videoengine.recon3d.simulator.cavity import Cavity
from videoengine.recon3d.simulator.plan import Plan
from videoengine.recon3d.simulator.tube import Tube


def make_anatomy(plan: Plan) -> Anatomy:
    """Return the anatomy of a plan.

    Raises:
        UsageError: The plan's procedure names an anatomy that does not exist.
    """
    presets: dict[str, type[Cavity] | type[Tube]] = {"cavity": Cavity, "tube": Tube}
    if plan.anatomy not in presets:
        raise UsageError(
            "There is no anatomy of this name",
            got=repr(plan.anatomy),
            allowed=", ".join(presets),
            remedy=nearest(plan.anatomy, presets),
        )
    return presets[plan.anatomy](plan)
