"""`/admin`: the door of people with a browser. Forms in, commands to the desk, pages out."""
