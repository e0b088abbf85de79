"""PEAQ, basic version (ITU-R BS.1387): a perceptual grade of a pair of recordings."""
