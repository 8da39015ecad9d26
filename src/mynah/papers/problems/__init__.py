"""The papers' diagnostic problems, generated from a seed, and the way all methods are trained on them.

A file a problem: how its sequences are drawn, and what counts as an error. They know no method.
"""
