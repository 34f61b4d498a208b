"""May this number be called now? Pure: facts and policy in, a decision with its reasons out."""
