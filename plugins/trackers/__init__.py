"""One folder per source: tables, parsing, writing, documents. No Airflow, no HTTP."""
