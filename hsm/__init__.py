"""PKCS#11 tokens and signature formats; knows nothing of thresholds, databases or the web."""
