"""The administration as web pages."""
