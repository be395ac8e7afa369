"""The operation note: a pure function of the log, of what people report, and of a template."""
