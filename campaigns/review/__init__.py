"""What people decide about likes, and what is told of it: cases, appeals, status, backtests."""
