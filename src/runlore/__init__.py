"""runlore runs machine-learning pipelines and remembers everything."""
