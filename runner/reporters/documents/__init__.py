"""Reports: a finished run as a file, in the formats that other programs and people read."""
