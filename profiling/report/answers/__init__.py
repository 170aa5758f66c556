"""The answers in words: verdicts, sentences, and what stands together in the tables."""
