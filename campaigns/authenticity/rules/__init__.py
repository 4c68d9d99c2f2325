"""The rules themselves: pure functions over a window, one module a family."""
