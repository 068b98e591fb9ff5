"""A local stand-in for every external service: same paths, fields, paging, limits and errors.

Right by the services' own descriptions, not by what our client happens to need: it imports nothing of ours.
"""
