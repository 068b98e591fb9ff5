-- Marks every key of a unit, so that all its files are written anew.
UPDATE core.exported_file SET marks = marks + 1 WHERE source = %(source)s AND scope = %(scope)s
