"""zrun: a Postman-like declarative request runner for the command line."""

__version__ = "0.1.0"
