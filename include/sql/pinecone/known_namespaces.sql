-- Which namespaces does the ledger know?
SELECT DISTINCT instance, namespace FROM pinecone.ledger ORDER BY 1, 2
