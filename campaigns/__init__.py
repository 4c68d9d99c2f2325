"""Likes and the promise on them. All personal data stops here; what leaves is counts and transfers."""
