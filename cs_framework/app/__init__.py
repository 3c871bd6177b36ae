"""The explorer: look at what filter, proposers, embedder and scorer make of a frame, in a browser.

What is shown is in `page` and the modules named ``show_...``, which alone know Streamlit; the rest is plain.
"""
