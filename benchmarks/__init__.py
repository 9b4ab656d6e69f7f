"""Measurements of zrun against public tools; ratios within one run, never seconds."""
