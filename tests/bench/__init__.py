"""What this commit costs: CPU, delay, memory and start-up, measured beside the stack's floor."""
