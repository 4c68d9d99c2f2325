"""Money and proof. Has never heard of likes: it moves promised money along one line and shows that it did."""
