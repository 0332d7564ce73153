"""The floor and the roof: the record of every contact and everything that guards it."""
