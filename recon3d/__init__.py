"""Scenes and the simulator; splats come with their own issue."""
