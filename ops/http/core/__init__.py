"""Problems, responses, middleware and authentication that every handler shares."""
