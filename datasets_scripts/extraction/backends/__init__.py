"""Who reads statements: the rules, a server, or a local language model."""
