"""What each kind of family promises."""
