"""Models: stages that say what is in the video, each behind a card."""
