-- Which namespaces are in the ledger?
SELECT DISTINCT instance, namespace FROM pinecone.ledger ORDER BY 1, 2
