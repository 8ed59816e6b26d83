"""The machine: everything that touches the world.

The rule: `proxy` may import `pipelines` freely, and `pipelines` never imports `proxy`.
"""

__version__ = "0.1.0"
