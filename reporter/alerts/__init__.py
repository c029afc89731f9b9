"""Pure rules of alerts: levels, the state machine, policies, suppression, uptime."""
