"""The reading list: claims, their problems, verification, evidence."""
