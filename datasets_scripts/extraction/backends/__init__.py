"""Who answers questions, of statements first of all: the rules, a server, or a local language model."""
