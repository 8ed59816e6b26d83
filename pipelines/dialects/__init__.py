"""Wire formats: one file each, pure, without clock, socket or state of their own."""
