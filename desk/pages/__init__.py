"""The pages: one module for each area, one function for each route of `desk/routes.py`."""
