"""Campaigns: promises, likes, and the money that likes make due.

Personal data stays inside this package.
"""
