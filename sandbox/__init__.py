"""A local stand-in for every external service: same paths, fields, paging, limits and errors.

It follows the services' own documentation, not what our client happens to need, and imports none of our code.
"""
