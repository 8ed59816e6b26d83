"""Where processes tell each other what their deployments are doing."""
