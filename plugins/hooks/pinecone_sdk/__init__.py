"""Around Pinecone's SDK: configuration, transport, the meaning of its errors."""
