"""What one step hands the next: frozen facts, JSON both ways.

A state machine carries these as objects between states; inside a function no dict travels. `from_json`
ignores members it does not know, so that a newer sender does not break an older receiver during an update.
"""
