"""The two stages over units of frames, in one process or in several."""
