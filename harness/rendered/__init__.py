"""Rendered people: small datasets of drawn figures in the on-disk layouts of the field's datasets.

For tests, and for users without the data: readers, pairs and trainings run on them as on the real sets. What people
look like is in `people`, how they move in `motion`, how a frame is drawn in `draw`; `layouts.write` writes a set.
Numbers on rendered people say that software works, nothing about people or methods.
"""
