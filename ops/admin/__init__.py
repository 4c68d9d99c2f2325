"""Administration: commands, the same from HTTP, the pages and the command line."""
