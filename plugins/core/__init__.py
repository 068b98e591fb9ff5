"""The contract every part shares. Imports nothing of ours; needs no Airflow, database or network."""
