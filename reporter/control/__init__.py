"""The control socket: by it a command reaches the daemon of an installed service, which has secrets and state."""
