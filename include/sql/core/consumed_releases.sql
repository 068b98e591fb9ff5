-- Which releases has a consumer handled?
SELECT version FROM core.release_consumption WHERE consumer = %(consumer)s
