"""Amazon Bedrock's Converse, as the provider speaks it."""
