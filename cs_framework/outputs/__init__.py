"""Files of a run: tables, boxes for annotation tools, pictures; each appears whole or not at all."""
