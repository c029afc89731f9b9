"""The contract of a job file; finds job files, loads them, binds them to the config."""
