-- Which releases did a consumer handle?
SELECT version FROM core.release_consumption WHERE consumer = %(consumer)s
