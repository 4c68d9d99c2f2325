"""Administration: commands that people give, behind three doors (HTTP, pages, the command line) and one desk."""
