"""The configuration: a LiteLLM YAML file, taken as it is, becomes `settings.Settings`.

The rule: all problems are collected and told together, with file, line and path, and no secret ever
stands in one. `load.py` is the way in; `known.py` says which keys are not active yet.
"""
