"""The page of a run: results.json and previews in, one offline HTML file out."""

from mynah.report.page import build

__all__ = ["build"]
