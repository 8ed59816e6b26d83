"""The stages that ship with the gateway: one class a file, none of which knows another."""
