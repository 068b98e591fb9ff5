"""What Pinecone's SDK needs from us: configuration, transport, the mapping of its errors."""
