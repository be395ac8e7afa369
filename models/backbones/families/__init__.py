"""One file a family: what it publishes, and how its file becomes a network. No torch here."""
