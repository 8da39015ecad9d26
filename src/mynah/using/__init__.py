"""A trained model at work: naming files, making sounds, cutting."""
