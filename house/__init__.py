"""The rules of the house, executable: who writes what, who depends on whom, what is documented and stable."""
