"""Three stacks for each environment: what is kept, what runs, what the world calls."""
