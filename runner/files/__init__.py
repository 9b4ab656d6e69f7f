"""Files that people write, read to typed data; and the private state that runs keep."""
