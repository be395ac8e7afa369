"""Simulated procedures: plans from a seed, rendered with every label known; needs no torch."""

from videoengine.recon3d.simulator.fingerprint import fingerprint
from videoengine.recon3d.simulator.grammar import Procedure
from videoengine.recon3d.simulator.plan import Plan
from videoengine.recon3d.simulator.planner import make_plan
from videoengine.recon3d.simulator.procedure import load_procedure, procedure_names
from videoengine.recon3d.simulator.simulation import Simulation
from videoengine.recon3d.simulator.truth import Camera, FrameTruth, SimulatedFrame

__all__ = [
    "Camera",
    "FrameTruth",
    "Plan",
    "Procedure",
    "SimulatedFrame",
    "Simulation",
    "fingerprint",
    "load_procedure",
    "make_plan",
    "procedure_names",
]
