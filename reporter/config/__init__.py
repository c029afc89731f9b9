"""Reads the YAML config into checked models; an error names its file and line."""
