"""Gaussian splats: their container, and the rasterizer."""

from videoengine.recon3d.splats.adam import AdamRates, SplatAdam
from videoengine.recon3d.splats.camera import Fisheye, Lamp, SplatCamera
from videoengine.recon3d.splats.files import read_gaussians, write_gaussians
from videoengine.recon3d.splats.gaussians import Gaussians
from videoengine.recon3d.splats.loss import LossWeights, PhotometricLoss, photometric_loss
from videoengine.recon3d.splats.rasterize import RasterOptions, rasterize
from videoengine.recon3d.splats.reference import Pictures
from videoengine.recon3d.splats.rules import Rules
from videoengine.recon3d.splats.workspace import SplatWorkspace, StepReport

__all__ = [
    "AdamRates",
    "Fisheye",
    "Gaussians",
    "Lamp",
    "LossWeights",
    "PhotometricLoss",
    "Pictures",
    "RasterOptions",
    "Rules",
    "SplatAdam",
    "SplatCamera",
    "SplatWorkspace",
    "StepReport",
    "photometric_loss",
    "rasterize",
    "read_gaussians",
    "write_gaussians",
]
