"""Music as notes: what a piece is, how it is read and written, and the sequences that composers learn from."""

from mynah.music.piece import Meter, Note, Piece, Tempo

__all__ = ["Meter", "Note", "Piece", "Tempo"]
