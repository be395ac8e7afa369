"""Scenes, splats and the simulator: they come with their own issues."""
