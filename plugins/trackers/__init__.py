"""One package per source: tables, parsing, storing, documents. No Airflow, no HTTP."""
