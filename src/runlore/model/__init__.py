"""The nouns of runlore: small frozen values without input or output. Stores return them, every door shows them."""
