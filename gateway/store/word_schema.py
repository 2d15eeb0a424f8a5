"""The table by which incidents are found by the words of their title and reason."""

from sqlalchemy import Column, ForeignKey, String, Table

from gateway.store.metadata import metadata

WORD_LENGTH = 40

# In the order of their bytes on every kind of store: a beginning of a word is a range of them.
Word = String(WORD_LENGTH).with_variant(String(WORD_LENGTH, collation="C"), "postgresql")

incident_words = Table(
    "incident_words",
    metadata,
    Column("word", Word, primary_key=True),
    Column("incident_id", ForeignKey("incidents.id"), primary_key=True, index=True),
)
