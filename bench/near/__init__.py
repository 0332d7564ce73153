"""What the benchmark of misheard words is made of: sentences, what was heard of them, and other contacts."""
