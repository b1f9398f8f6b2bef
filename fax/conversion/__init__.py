"""From a received fax, a TIFF of whatever quality, to a PDF: in a process with limits (mission.md 5.1, 5.4)."""
