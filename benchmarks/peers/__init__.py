"""zrun and other public tools at the same work, in turns: `scripts/bench peers` (see __main__.py)."""
