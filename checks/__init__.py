"""Our own rules as programs: who writes what, who depends on whom, what is documented and stable."""
