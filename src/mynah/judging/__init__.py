"""How answers are scored and families compared."""
